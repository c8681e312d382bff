import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { obtainBinaries } from '../controlplane/binaries.ts';
import { kubectlWith } from '../controlplane/kubectl.ts';
import { describeOnControlPlane } from '../controlplane/suite.ts';
import { AmifleetProcess } from '../process/amifleet-process.ts';
import { describeWithPython } from '../python/suite.ts';

const run = promisify(execFile);
const CLI = fileURLToPath(new URL('../simulator/ec2/requirements.txt', import.meta.url));
/** It takes about 20 s, and longer beside other suites. */
const PLAY_MS = 90_000;

let demo: AmifleetProcess;
let said: string;
beforeAll(async () => {
  demo = new AmifleetProcess(['demo', '--keep']);
  await demo.says(/--output text/);
  said = demo.stdout;
}, PLAY_MS);
afterAll(() => demo?.kill());

describe('the demo', () => {
  it('plays every act to its end, in plain lines where there is no terminal', () => {
    expect(said.match(/^== .*$/gm)).toHaveLength(4);
    expect(said).not.toContain('\u001b[');
    for (const news of [
      'CopyImage',
      'Share',
      'MarkSurplus',
      'DeregisterImage',
      'DeleteSnapshot',
      'RevokeTemporaryGrant',
    ])
      expect(said).toMatch(new RegExp(`^controller ${news}: `, 'm'));
  });

  it('ends with a table in which every target is ready, and one line of the calls it took', () => {
    const rows = said.match(/^\d{12}\/[a-z0-9-]+ +(\d+)\/(\d+).*$/gm) ?? [];
    expect(rows).toHaveLength(8);
    for (const row of rows) expect(row).toMatch(/ 6\/6/);
    expect(said.match(/^AWS calls: \d+ .*CopyImage.*; 0 throttled, \d+ refused\)$/gm)).toHaveLength(1);
  });

  describeOnControlPlane('and kubectl, while it is kept running', () => {
    it('shows the policy and what was done', async () => {
      const kubeconfig = /export KUBECONFIG=(\S+)/.exec(said)?.[1] ?? '';
      const kubectl = kubectlWith((await obtainBinaries()).kubectl, kubeconfig);
      const { stdout } = await kubectl(['get', 'amipolicies', '-A']);
      expect(stdout).toMatch(/platform +golden +True +Ready +\d+ +8\/8/);
      expect((await kubectl(['describe', 'amipolicy', '-n', 'platform', 'golden'])).stdout).toMatch(/DeregisterImage/);
    });
  });
});

await describeWithPython('the AWS CLI, while the demo is kept running', CLI, (python) => {
  it('lists the copies in another region, with the settings that the demo prints', async () => {
    const settings = [...said.matchAll(/(AWS_\w+)=(\S+)/g)].map(([, name, value]) => [name, value] as const);
    const { stdout } = await run(
      join(dirname(python), 'aws'),
      ['ec2', 'describe-images', '--owners', 'self', '--query', 'Images[].Name', '--output', 'json'],
      { env: { PATH: process.env['PATH'], ...Object.fromEntries(settings) } },
    );
    expect(JSON.parse(stdout)).toEqual(expect.arrayContaining(['web-base-5', 'db-base-5']));
  });
});

describeOnControlPlane('the demo with --real', () => {
  it(
    'plays on a real kube-apiserver',
    async () => {
      const demo = new AmifleetProcess(['demo', '--real']);
      const { code } = await demo.ended;
      expect(demo.output).toMatch(/AWS calls: /);
      expect(code).toBe(0);
    },
    PLAY_MS,
  );
});
