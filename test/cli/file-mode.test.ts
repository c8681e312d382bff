import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ModifyImageAttributeCommand } from '@aws-sdk/client-ec2';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { applyUntilDone } from '../../src/cli/apply-until-done.ts';
import { beginRun, type FilePass, type FilePolicy, filePass, readPolicyFile, sweep } from '../../src/cli/file-mode.ts';
import { ContestLedger } from '../../src/controller/contest-ledger.ts';
import type { Engine } from '../../src/controller/engine.ts';
import { type Result, reconcile } from '../../src/controller/reconcile.ts';
import { RefusalLedger } from '../../src/controller/refusal-ledger.ts';
import { Sweep } from '../../src/controller/sweep.ts';
import { DEFAULT_LIMITS } from '../../src/policy/pass.ts';
import { TAG } from '../../src/policy/tags.ts';
import { ACCOUNT, OTHER_ACCOUNT, type SimulatedAws, simulatedAws } from '../aws/simulated-aws.ts';

const MINUTE = 60_000;
const API = { apiVersion: 'amifleet.io/v1alpha1' };
const SPEC = {
  source: { account: ACCOUNT, region: 'us-east-1', images: { tags: { app: 'web' } }, groupBy: ['app'], newest: 2 },
  regions: [{ name: 'us-east-1' }, { name: 'eu-west-1' }],
};
const policy = (spec: object = SPEC, metadata: object = {}): object => ({
  ...API,
  kind: 'AmiPolicy',
  metadata: { name: 'web', namespace: 'platform', ...metadata },
  spec,
});
const role = (spec: object = {}): object => ({
  ...API,
  kind: 'AwsAccount',
  metadata: { name: OTHER_ACCOUNT },
  spec: { roleArn: `arn:aws:iam::${OTHER_ACCOUNT}:role/amifleet`, namespaces: ['platform'], ...spec },
});

let folder: string;
let aws: SimulatedAws;
let engine: Engine;
let stop: AbortController;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'amifleet-file-'));
  stop = new AbortController();
  const images = [3, 2, 1].map((age, index) => ({ name: `web-${index + 1}`, ageDays: age * 10, tags: { app: 'web' } }));
  aws = await simulatedAws({ accounts: { [ACCOUNT]: { 'us-east-1': { images } }, [OTHER_ACCOUNT]: {} } });
  const { clients, inventories, clock } = aws;
  engine = {
    clients,
    inventories,
    clock,
    sweep: new Sweep(clients, inventories, clock),
    contests: new ContestLedger(),
    refusals: new RefusalLedger(),
    limits: DEFAULT_LIMITS,
  };
});
afterEach(async () => {
  await aws[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const path = (): string => join(folder, 'policies.yaml');
const write = (...documents: readonly object[]): FilePolicy[] => {
  writeFileSync(path(), documents.map((document) => stringify(document)).join('---\n'));
  return readPolicyFile(path());
};
/** One run of the command over everything that the file says. */
const once = async (policies: readonly FilePolicy[], may: FilePass['may'] = 'everything'): Promise<Result[]> => {
  aws.clock.advance(1000);
  // Each run is a process of its own, which remembers nothing.
  engine = { ...engine, sweep: new Sweep(aws.clients, aws.inventories, aws.clock) };
  const run = beginRun(path(), engine, policies, stop.signal);
  await sweep(run);
  const results: Result[] = [];
  for (const file of policies) results.push(await filePass(run, file, { may, listing: run.begun }));
  return results;
};
const untilSettled = async (policies: readonly FilePolicy[]): Promise<Result[]> => {
  for (let passes = 1; ; passes++) {
    const results = await once(policies);
    const settled = results.every(({ decision: { plan } }) => plan.actions.length === 0 && plan.waits.length === 0);
    if (settled || passes === 20) return results;
    aws.clock.advance(MINUTE);
  }
};
const copies = () =>
  aws.simulator
    .world()
    .images.filter(({ tags, state }) => tags[TAG.sourceImage] !== undefined && state !== 'deregistered');
const codes = (result: Result | undefined): string[] => result?.decision.plan.blocked.map(({ code }) => code) ?? [];

describe('a file', () => {
  it('has the same identity on every machine, whatever kubectl has added to it', async () => {
    const [plain] = write(policy());
    const [exported] = write(
      policy(SPEC, {
        uid: '1b4e28ba-2fa1-11d2-883f-0016d3cca427',
        creationTimestamp: '2026-01-01T00:00:00Z',
        deletionTimestamp: '2026-01-02T00:00:00Z',
        resourceVersion: '7',
        generation: 9,
      }),
    );
    expect(exported).toEqual(plain);
    expect(plain?.owner).toMatchObject({ cluster: 'file', namespace: 'platform', name: 'web' });
    expect(plain?.owner.uid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('that is not there is called by its name', () => {
    expect(() => readPolicyFile(join(folder, 'none.yaml'))).toThrow(/none\.yaml cannot be read: there is no such file/);
    expect(() => readPolicyFile(folder)).toThrow(`${folder} cannot be read`);
  });

  it('is applied until nothing is left to do, and then costs no mutation', async () => {
    const policies = write(policy({ ...SPEC, accounts: [{ id: OTHER_ACCOUNT }] }), role());
    const [result] = await untilSettled(policies);
    expect(result?.report.status.targetsReady).toBe('4/4');
    expect(copies()).toHaveLength(6);
    const mutations: string[] = [];
    aws.simulator.onMutation(({ action }) => mutations.push(action));
    await once(policies);
    expect(mutations).toEqual([]);
  });

  it('selects accounts by the labels of its AwsAccounts', async () => {
    const labelled = (tier: string): object => ({ ...role(), metadata: { name: OTHER_ACCOUNT, labels: { tier } } });
    const selecting = policy({ ...SPEC, accountSelector: { matchLabels: { tier: 'prod' } } });
    const [outside] = await once(write(selecting, labelled('dev')), 'nothing');
    expect(outside?.report.status.targetsReady).toMatch(/\/2$/);
    const [result] = await untilSettled(write(selecting, labelled('prod')));
    expect(result?.report.status.targetsReady).toBe('4/4');
  });

  it('has a mass withdrawal confirmed for what it says now, and no longer', async () => {
    const retention = { keepNewest: 1, deleteAfterDays: 0, minUnusedDays: 0 };
    const excluding = (...exclude: string[]): object => ({
      ...SPEC,
      source: { ...SPEC.source, images: { ...SPEC.source.images, exclude } },
      retention,
    });
    await untilSettled(write(policy({ ...SPEC, retention })));
    const everything = ['web-1', 'web-2', 'web-3'];
    const said = async (spec: object, annotations: object = {}): Promise<string | undefined> => {
      const [result] = await once(write(policy(spec, { annotations })), 'nothing');
      return result?.decision.plan.blocked.find(({ code }) => code === 'MassWithdrawal')?.message;
    };
    const [, key = '', value = ''] =
      /annotation (\S+): "(\d+)"/.exec((await said(excluding(...everything))) ?? '') ?? [];
    expect(key).toBe('amifleet.io/confirm-withdrawal');
    expect(await said(excluding(...everything), { [key]: value })).toBeUndefined();
    expect(await said(excluding(...everything, 'web-4'), { [key]: value })).toContain(key);
    expect(await said(excluding(...everything), { [key]: '1' })).toContain(value);
  });

  it('changes a source image only after its claim on it was read back', async () => {
    const written: string[] = [];
    aws.simulator.onMutation(({ action, parameters, region }) => {
      if (region === 'us-east-1' && action !== 'CopyImage') written.push(parameters['Tag.1.Key'] ?? action);
    });
    await untilSettled(
      write(policy({ ...SPEC, source: { ...SPEC.source, newest: 1 }, accounts: [{ id: OTHER_ACCOUNT }] }), role()),
    );
    expect(written[0]).toBe(TAG.claimedBy);
    expect(written).toContain(`amifleet.io/temp-grant-${OTHER_ACCOUNT}`);
  });

  it('with two policies for the same image lets one have it, always the same, and names both', async () => {
    const policies = write(policy(), policy(SPEC, { name: 'rival', creationTimestamp: '2020-01-01T00:00:00Z' }));
    const results = await untilSettled(policies);
    const conflicts = results.map((result) => codes(result).includes('OwnershipConflict'));
    expect(new Set(conflicts)).toEqual(new Set([false, true]));
    expect(copies()).toHaveLength(2);
    const loser = results[conflicts.indexOf(true)];
    const { message } = loser?.decision.plan.blocked[0] ?? { message: '' };
    expect(message).toContain('platform/web');
    expect(message).toContain('platform/rival');
  });

  it('whose policy is suspended, or only to be planned, changes nothing', async () => {
    const mutations: string[] = [];
    aws.simulator.onMutation(({ action }) => mutations.push(action));
    const [suspended] = await once(write(policy({ ...SPEC, suspend: true })));
    expect(suspended?.decision.plan.actions).toEqual([]);
    const [planned] = await once(write(policy({ ...SPEC, mode: 'Plan' })));
    expect(planned?.decision.plan.actions.length).toBeGreaterThan(0);
    expect(mutations).toEqual([]);
  });

  it('in which an account is read-only plans nothing there that would be done, and says why', async () => {
    const [result] = await untilSettled(
      write(policy({ ...SPEC, accounts: [{ id: OTHER_ACCOUNT }] }), role({ readOnly: true })),
    );
    expect(codes(result)).toContain('AccountReadOnly');
    expect(copies().map(({ account }) => account)).toEqual([ACCOUNT, ACCOUNT]);
  });

  it('finds its copies again in an account that the policy no longer names', async () => {
    await untilSettled(write(policy({ ...SPEC, accounts: [{ id: OTHER_ACCOUNT }] }), role()));
    const retention = { keepNewest: 1, deleteAfterDays: 0, minUnusedDays: 0 };
    await untilSettled(write(policy({ ...SPEC, retention }), role()));
    expect(copies().filter(({ account }) => account === OTHER_ACCOUNT)).toEqual([]);
    expect(copies()).toHaveLength(2);
  });
});

describe('what cannot be undone', () => {
  /** A file whose first region is to be drained. */
  const drained = async (): Promise<FilePolicy[]> => {
    const retention = { keepNewest: 1, deleteAfterDays: 0, minUnusedDays: 0 };
    await untilSettled(write(policy({ ...SPEC, regions: [{ name: 'eu-west-1' }, { name: 'us-west-2' }], retention })));
    const policies = write(policy({ ...SPEC, regions: [{ name: 'us-west-2' }], retention }));
    await once(policies, 'keep');
    aws.clock.advance(MINUTE);
    return policies;
  };
  const inDrained = () => copies().filter(({ region }) => region === 'eu-west-1');

  it('is left where nobody has agreed to it, its marks included, and the rest is done', async () => {
    const policies = await drained();
    const [result] = await once(policies, 'keep');
    expect(codes(result)).toContain('DeletionDisabled');
    expect(inDrained()).toHaveLength(2);
    expect(inDrained().every(({ tags }) => tags[TAG.surplusSince] !== undefined)).toBe(true);
    const marked = aws.simulator.world().snapshots.filter(({ tags }) => tags[TAG.deleting] !== undefined);
    expect(marked).toEqual([]);
    const [planned] = await once(policies, 'nothing');
    expect(planned?.decision.plan.actions.filter(({ destroys }) => destroys)).toHaveLength(2);
  });

  it('is done where it was agreed to, its snapshots included', async () => {
    await untilSettled(await drained());
    expect(inDrained()).toEqual([]);
    expect(aws.simulator.world().snapshots.filter(({ region }) => region === 'eu-west-1')).toEqual([]);
  });

  it.each([
    ['says something else', () => write(policy({ ...SPEC, regions: [{ name: 'eu-west-1' }] }))],
    ['no longer has the policy', () => write(policy(SPEC, { name: 'other' }))],
    ['is gone', () => rmSync(path())],
  ])('is called off when the file %s by the time of the call', async (_, change) => {
    const policies = await drained();
    const run = beginRun(path(), engine, policies, stop.signal);
    await sweep(run);
    const [file] = policies;
    if (!file) throw new Error('no policy');
    change();
    const result = await filePass(run, file, { may: 'everything', listing: run.begun });
    expect(result.failures.map(({ code }) => code)).toEqual(['CalledOff', 'CalledOff']);
    expect(inDrained()).toHaveLength(2);
  });
});

describe('a policy of the same namespace and name in a cluster', () => {
  it('takes the copies over, after which file mode reports the conflict and changes nothing', async () => {
    const [file] = write(policy());
    if (!file) throw new Error('no policy');
    await untilSettled([file]);
    const before = copies().map(({ id }) => id);
    const { owner } = file;
    const inCluster = async (): Promise<Result> => {
      aws.clock.advance(MINUTE);
      const now = aws.clock.monotonic();
      return await reconcile(
        engine,
        {
          ...file,
          policy: { ...file.policy, metadata: { ...file.policy.metadata, uid: 'uid-c' } },
          owner: { ...owner, cluster: 'cluster-1', uid: 'uid-c' },
          rivals: [],
          livePolicies: new Set(['uid-c']),
          deletedToday: new Set(),
          readOnly: false,
          fresh: { listing: now, grants: now, evidence: now },
        },
        {
          beforeActing: () => Promise.resolve(),
          beforeDeleting: () => Promise.resolve(),
          confirm: () => Promise.resolve(undefined),
          stop: stop.signal,
        },
      );
    };
    await inCluster();
    expect((await inCluster()).report.status.targetsReady).toBe('2/2');
    expect(copies().map(({ id }) => id)).toEqual(before);
    expect(copies().every(({ tags }) => tags[TAG.cluster] === 'cluster-1' && tags[TAG.policyUid] === 'uid-c')).toBe(
      true,
    );
    const mutations: string[] = [];
    aws.simulator.onMutation(({ action }) => mutations.push(action));
    aws.clock.advance(MINUTE);
    const [result] = await once([file]);
    expect(codes(result)).toContain('OwnershipConflict');
    expect(result?.decision.plan.blocked.map(({ message }) => message).join()).toContain('cluster-1');
    expect(mutations).toEqual([]);
  });
});

it('permissions that somebody changes are put right by the next run', async () => {
  const policies = write(policy({ ...SPEC, sharing: { accounts: ['444455556666'] } }));
  await untilSettled(policies);
  const [copy] = copies();
  await aws
    .open({ account: ACCOUNT, region: 'eu-west-1' })
    .ec2.send(
      new ModifyImageAttributeCommand({ ImageId: copy?.id, LaunchPermission: { Add: [{ UserId: '999988887777' }] } }),
    );
  aws.clock.advance(6 * MINUTE);
  await untilSettled(policies);
  expect(copies().map(({ permissions }) => permissions.accounts)).toEqual([['444455556666'], ['444455556666']]);
});

it('a run that is stopped ends with the reason, whatever it was doing', async () => {
  const policies = write(policy());
  const first = stop;
  aws.simulator.onCall(({ action }) => {
    if (action === 'CopyImage') first.abort(new Error('stopped'));
  });
  await expect(once(policies)).rejects.toThrow('stopped');
  const begun = copies().length;
  expect(begun).toBeGreaterThan(0);
  stop = new AbortController();
  await untilSettled(policies);
  expect(copies()).toHaveLength(2);
});

it('an AWS that throttles and breaks connections gets no copy twice', async () => {
  const policies = write(policy());
  aws.faults(
    { action: 'CopyImage', kind: 'reset-after' },
    { action: 'CopyImage', nth: 3, kind: 'throttle' },
    { action: 'DescribeImages', nth: 5, kind: 'http-500' },
    { action: 'DescribeSnapshots', nth: 4, kind: 'partial' },
  );
  const [result] = await untilSettled(policies);
  expect(result?.report.status.targetsReady).toBe('2/2');
  expect(copies()).toHaveLength(2);
});

it('without --wait an apply stays until everything is begun, also what has to wait for its turn', async () => {
  await aws[Symbol.asyncDispose]();
  const images = Array.from({ length: 85 }, (_, index) => ({
    name: `web-${index}`,
    ageDays: 100 - index,
    tags: { app: 'web' },
  }));
  aws = await simulatedAws({ accounts: { [ACCOUNT]: { 'us-east-1': { images } }, [OTHER_ACCOUNT]: {} } });
  const { clients, inventories, clock } = aws;
  engine = { ...engine, clients, inventories, clock, sweep: new Sweep(clients, inventories, clock) };
  const policies = write(policy({ ...SPEC, source: { ...SPEC.source, newest: 85 } }));
  const run = beginRun(path(), engine, policies, stop.signal);
  const said = vi.spyOn(console, 'log').mockReturnValue();
  try {
    await applyUntilDone(run, policies[0]!, { wait: false, may: undefined });
    expect(said.mock.calls.flat().filter((line) => String(line).includes('CopyImage'))).toHaveLength(85);
  } finally {
    said.mockRestore();
  }
  expect(copies()).toHaveLength(85);
  expect(aws.simulator.calls().reduce((sum, { throttled }) => sum + throttled, 0)).toBe(0);
});
