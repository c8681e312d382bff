import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import type { WorldView } from '../../src/simulator/ec2/world-view.ts';
import { AmifleetProcess } from '../process/amifleet-process.ts';
import { until } from '../process/until.ts';

// Each run is a process of its own.
vi.setConfig({ testTimeout: 60_000 });

const ACCOUNT = '111122223333';
const OTHER = '222233334444';
const API = { apiVersion: 'amifleet.io/v1alpha1' };
const SECRET = 'hush-hush-external';
const SEED = {
  seed: 7,
  copySeconds: [20, 40],
  accounts: {
    [ACCOUNT]: {
      'us-east-1': {
        images: [3, 2, 1].map((age, index) => ({ name: `web-${index + 1}`, ageDays: age * 10, tags: { app: 'web' } })),
      },
    },
    [OTHER]: {},
  },
  roles: [{ arn: `arn:aws:iam::${OTHER}:role/amifleet`, externalId: SECRET, trusts: [ACCOUNT] }],
};
const SPEC = {
  source: { account: ACCOUNT, region: 'us-east-1', images: { tags: { app: 'web' } }, groupBy: ['app'], newest: 2 },
  regions: [{ name: 'us-east-1' }, { name: 'eu-west-1' }],
};
const policy = (spec: object = SPEC, name = 'web'): object => ({
  ...API,
  kind: 'AmiPolicy',
  metadata: { name, namespace: 'platform' },
  spec,
});
const account = (spec: object = {}): object => ({
  ...API,
  kind: 'AwsAccount',
  metadata: { name: OTHER },
  spec: {
    roleArn: `arn:aws:iam::${OTHER}:role/amifleet`,
    externalId: SECRET,
    namespaces: ['platform'],
    ...spec,
  },
});

let folder: string;
let simulator: AmifleetProcess;
let url: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'amifleet-cli-'));
  simulator = new AmifleetProcess(['simulator', '--port', '0', '--speed', '60']);
  url = (await simulator.says(/Simulated AWS at (\S+)/))[1] ?? '';
});
afterAll(async () => {
  await simulator.kill('SIGTERM');
  rmSync(folder, { recursive: true });
});
beforeEach(() => control('POST', 'seed', SEED));

const control = async (method: string, call: string, body?: object): Promise<unknown> => {
  const answer = await fetch(`${url}/_sim/${call}`, { method, ...(body && { body: JSON.stringify(body) }) });
  if (!answer.ok) throw new Error(`${call}: ${await answer.text()}`);
  return await answer.json();
};
const copies = async (): Promise<WorldView['images']> =>
  ((await control('GET', 'world')) as WorldView).images.filter(
    ({ tags, state }) => tags['amifleet.io/source-image'] !== undefined && state !== 'deregistered',
  );
const mutations = async (): Promise<number> =>
  ((await control('GET', 'calls')) as readonly { readonly action: string; readonly count: number }[])
    .filter(({ action }) => !/^(Describe|Get|List|AssumeRole|DryRun:)/.test(action))
    .reduce((sum, { count }) => sum + count, 0);

const write = (documents: readonly object[]): string => {
  const file = join(folder, `${Math.random().toString(36).slice(2)}.yaml`);
  writeFileSync(file, documents.map((document) => stringify(document)).join('---\n'));
  return file;
};
const start = (...args: readonly string[]): AmifleetProcess =>
  new AmifleetProcess(args, {
    AWS_ENDPOINT_URL: url,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: `AKIASIM${ACCOUNT}`,
    AWS_SECRET_ACCESS_KEY: 'x',
  });
interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}
const run = async (...args: readonly string[]): Promise<Run> => {
  const child = start(...args);
  const { code } = await child.ended;
  return { code, stdout: child.stdout, stderr: child.stderr };
};
const plan = (...documents: object[]): Promise<Run> => run('plan', '-f', write(documents));
const apply = (...documents: object[]): Promise<Run> => run('apply', '-f', write(documents), '--wait', '--yes');

describe('amifleet plan', () => {
  it('shows what would be done, where, to what and why, exits 2, and touches nothing', async () => {
    const { code, stdout, stderr } = await plan(policy({ ...SPEC, accounts: [{ id: OTHER }] }), account());
    expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
    expect(stdout).toContain('platform/web: 3 versions, targets ready 1/4');
    expect(stdout).toMatch(/^ACTION +TARGET +IMAGE +REASON$/m);
    expect(stdout).toMatch(/^CopyImage +111122223333\/eu-west-1 +web-3 \(ami-\w+\) +wanted here and missing$/m);
    expect(stdout).toMatch(/^To copy: \d+ GiB at most/m);
    expect(stdout).not.toContain(SECRET);
    expect(stdout).not.toContain('\u001b');
    expect(await mutations()).toBe(0);
  });

  it('says once what stands in the way of copies and of sharing alike', async () => {
    const claimed = { app: 'web', 'amifleet.io/claimed-by': 'platform/other file uid' };
    const images = [{ name: 'web-9', ageDays: 1, tags: claimed }];
    await control('POST', 'seed', { ...SEED, accounts: { [ACCOUNT]: { 'us-east-1': { images } }, [OTHER]: {} } });
    const sharing = { accounts: ['444455556666'] };
    const { code, stdout } = await plan(policy({ ...SPEC, sharing, accounts: [{ id: OTHER }] }), account());
    expect(code).toBe(1);
    expect(stdout.match(/^SourceClaimed .* web-9 \(ami-\w+\) .*platform\/other/gm)).toHaveLength(1);
  });

  it('as JSON writes JSON only, for every policy of the file', async () => {
    const file = write([
      policy(),
      policy({ ...SPEC, source: { ...SPEC.source, images: { names: ['web-1'] } } }, 'old'),
    ]);
    const { code, stdout, stderr } = await run('plan', '-f', file, '-o', 'json');
    expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
    const { plans } = JSON.parse(stdout) as { readonly plans: readonly { readonly policy: string }[] };
    expect(plans.map((each) => each.policy)).toEqual(['platform/web', 'platform/old']);
    expect(plans[0]).toMatchObject({
      actions: [
        { kind: 'CopyImage', account: ACCOUNT, region: 'eu-west-1', destructive: false, call: { do: 'copy' } },
        { kind: 'CopyImage', account: ACCOUNT, region: 'eu-west-1' },
      ],
      blocked: [],
      status: { targetsReady: '1/2', conditions: expect.arrayContaining([expect.objectContaining({ type: 'Ready' })]) },
    });
  });

  it('reads standard input', () => {
    const child = spawnSync(process.execPath, ['src/cli/main.ts', 'plan', '-f', '-'], {
      input: stringify({ ...policy(), metadata: {} }),
      encoding: 'utf8',
    });
    expect(child.status).toBe(1);
    expect(child.stderr).toContain('standard input cannot be used');
  });

  it('exits 0 when there is nothing to do', async () => {
    const regions = [{ name: 'us-east-1' }];
    const { code, stdout } = await plan(policy({ ...SPEC, regions }));
    expect(code).toBe(0);
    expect(stdout).toContain('targets ready 1/1, nothing to do');
  });

  const unusable: [string, object[], RegExp][] = [
    ['a field that does not exist', [policy({ ...SPEC, newestt: 3 })], /AmiPolicy platform\/web: .*newestt/],
    [
      'no namespace',
      [{ ...policy(), metadata: { name: 'web' } }],
      /AmiPolicy web: metadata\.namespace: Required value/,
    ],
    ['no policy', [account()], /holds no AmiPolicy/],
    ['another kind', [{ ...API, kind: 'Pod', metadata: { name: 'x' } }], /kind must be AmiPolicy or AwsAccount/],
  ];
  it.each(unusable)('says what is wrong with a file with %s, and exits 1', async (_, documents, message) => {
    const { code, stdout, stderr } = await plan(...documents);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(message);
  });

  it('says which file it cannot find, and exits 1', async () => {
    const { code, stderr } = await run('plan', '-f', join(folder, 'none.yaml'));
    expect(code).toBe(1);
    expect(stderr).toMatch(/^amifleet: .*none\.yaml cannot be read: there is no such file\n$/);
  });

  const unmet: [string, object[], RegExp][] = [
    [
      'a region that does not exist',
      [policy({ ...SPEC, regions: [...SPEC.regions, { name: 'eu-west-9' }] })],
      /RegionNotEnabled +111122223333\/eu-west-9 .*Correct the name/,
    ],
    [
      'a role that cannot be assumed',
      [policy({ ...SPEC, accounts: [{ id: OTHER }] }), account({ externalId: `${SECRET}-wrong` })],
      /AssumeRoleFailed +222233334444\/eu-west-1 .*trust policy/,
    ],
    [
      'an account that the own credentials are not of',
      [policy({ ...SPEC, accounts: [{ id: OTHER }] })],
      /WrongAccount .*Set spec\.roleArn of AwsAccount 222233334444/,
    ],
    [
      'a selector that matches nothing',
      [policy({ ...SPEC, source: { ...SPEC.source, images: { names: ['nothing-*'] } } })],
      /NoSourceImages .*names nothing-\*.*aws ec2 describe-images/,
    ],
  ];
  it('does not call it nothing to do when nothing can be done, nor count versions that were not seen', async () => {
    const none = await plan(policy({ ...SPEC, source: { ...SPEC.source, images: { names: ['nothing-*'] } } }));
    expect(none.stdout).toMatch(/0 versions, targets ready ..2, nothing can be done/);
    const source = { ...SPEC.source, account: OTHER };
    const unseen = await plan(policy({ ...SPEC, source }));
    expect(unseen.stdout).toContain('source images not seen, targets ready 0/2, nothing can be done');
  });

  it.each(unmet)('with %s says so with the remedy, goes on elsewhere, and exits 1', async (_, documents, message) => {
    const { code, stdout, stderr } = await plan(...documents);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(stdout).toMatch(message);
    expect(stdout).not.toContain(SECRET);
  });
});

describe('amifleet apply', () => {
  it('with --wait ends when every copy is ready; a second run has nothing to do', async () => {
    const documents = [policy({ ...SPEC, accounts: [{ id: OTHER }] }), account()];
    const first = await apply(...documents);
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toMatch(/CopyImage {2}222233334444\/eu-west-1 {2}web-3 \(ami-\w+\): wanted here and missing/);
    expect(first.stdout).toMatch(/targets ready 1\/4, 6 copies pending/);
    expect(first.stdout).toMatch(/targets ready 4\/4\n$/);
    expect((await copies()).map(({ state }) => state)).toEqual(Array(6).fill('available'));
    await control('DELETE', 'calls');
    expect(await apply(...documents)).toMatchObject({ code: 0, stdout: 'platform/web: targets ready 4/4\n' });
    expect(await mutations()).toBe(0);
    expect((await plan(...documents)).code).toBe(0);
  });

  it('without --wait begins the copies and does not stay for them', async () => {
    const { code, stdout } = await run('apply', '-f', write([policy()]));
    expect(code).toBe(0);
    expect(stdout).toContain('2 copies pending');
    expect(await copies()).toHaveLength(2);
  });

  it('applies every policy of a file, and fails for the one that cannot be', async () => {
    const none = policy({ ...SPEC, source: { ...SPEC.source, images: { names: ['nothing-*'] } } }, 'none');
    const { code, stdout } = await apply(none, policy());
    expect(code).toBe(1);
    expect(stdout).toMatch(/platform\/none {2}held back: NoSourceImages/);
    expect(stdout).toContain('platform/web: targets ready 2/2');
    expect(await copies()).toHaveLength(2);
  });

  it('with nobody to ask deletes nothing, says so, and does all the rest', async () => {
    const retention = { keepNewest: 1, deleteAfterDays: 0, minUnusedDays: 0 };
    await run('apply', '-f', write([policy({ ...SPEC, retention })]));
    await control('POST', 'clock', { advanceSeconds: 3600 });
    const file = write([policy({ ...SPEC, regions: [{ name: 'us-east-1' }, { name: 'us-west-2' }], retention })]);
    // First EC2 makes a report on who uses what is to go.
    expect((await run('apply', '-f', file)).stdout).toMatch(/RequestUsageReport +111122223333\/eu-west-1 /);
    await control('POST', 'clock', { advanceSeconds: 120 });
    const asked = await run('apply', '-f', file);
    expect(asked.code).toBe(1);
    expect(asked.stderr).toMatch(/2 actions disable or delete images or snapshots, and there is nobody to ask.*--yes/);
    expect(asked.stdout).toMatch(/^DeregisterImage +111122223333\/eu-west-1 /m);
    const regionsOf = async (): Promise<string[]> => (await copies()).map(({ region }) => region);
    expect(await regionsOf()).toEqual(['eu-west-1', 'eu-west-1', 'us-west-2', 'us-west-2']);
    expect(await run('apply', '-f', file, '--wait', '--yes')).toMatchObject({ code: 0, stderr: '' });
    expect(await regionsOf()).toEqual(['us-west-2', 'us-west-2']);
    const { snapshots } = (await control('GET', 'world')) as WorldView;
    expect(snapshots.filter(({ region }) => region === 'eu-west-1')).toEqual([]);
  });

  it('stopped leaves what is begun, and the next run ends in the same state, without a second copy', async () => {
    const documents = [policy({ ...SPEC, accounts: [{ id: OTHER }] }), account()];
    const child = start('apply', '-f', write(documents), '--wait', '--yes');
    await until('a first copy', async () => (await copies()).length > 0);
    expect((await child.kill('SIGINT')).code).toBe(130);
    expect(child.stderr).toContain('stopped by SIGINT');
    expect(await apply(...documents)).toMatchObject({ code: 0, stderr: '' });
    const made = (await copies()).map(
      ({ account: owner, region, tags }) => `${owner} ${region} ${tags['amifleet.io/source-name']}`,
    );
    expect(made).toHaveLength(6);
    expect(new Set(made).size).toBe(6);
  });

  it('of a policy with mode Plan shows the plan and touches nothing; of a suspended one says that it is', async () => {
    const planned = await apply(policy({ ...SPEC, mode: 'Plan' }));
    expect(planned.code).toBe(0);
    expect(planned.stdout).toContain('spec.mode is Plan: nothing was touched');
    expect(planned.stdout).toContain('CopyImage');
    const suspended = await apply(policy({ ...SPEC, suspend: true }));
    expect(suspended.code).toBe(0);
    expect(suspended.stdout).toContain('spec.suspend is true');
    expect(await mutations()).toBe(0);
  });
});
