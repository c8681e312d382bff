import { describe, expect, it } from 'vitest';
import { SAMPLES } from '../controlplane/samples.ts';
import { begin, expectRest } from './scene.ts';
import { DAY } from './world.ts';

const KEYS = [{ alias: 'alias/ami', grantsTo: ['222233334444', '333344445555'] }];
const role = (id: string): object => ({
  arn: `arn:aws:iam::${id}:role/amifleet`,
  externalId: 'amifleet-prod',
  trusts: ['111122223333'],
});
const tagged = (name: string, ageDays: number, tags: object, architecture = 'x86_64'): object => ({
  name,
  ageDays,
  tags,
  architecture,
});

/** Something for every sample to find. */
const SEED = {
  seed: 11,
  accounts: {
    '111122223333': {
      'us-east-1': {
        keys: KEYS,
        images: [
          tagged('web-base-1', 30, {}),
          tagged('web-base-2', 3, {}),
          tagged('db-base-1', 30, {}, 'arm64'),
          tagged('node-base-1', 9, { app: 'node-base' }),
          tagged('golden-1', 9, { app: 'web', release: 'stable' }),
          ...['x86_64', 'arm64'].flatMap((architecture) =>
            [60, 40, 20, 2].map((age, index) =>
              tagged(`node-${architecture}-${index}`, age, { pipeline: 'node', channel: 'stable' }, architecture),
            ),
          ),
        ],
      },
      'eu-west-1': { keys: KEYS },
    },
    '222233334444': {},
    '333344445555': { 'eu-west-1': { keys: KEYS } },
    '777788889999': {
      'us-east-1': {
        images: [1, 2].map((version) => ({
          name: `appliance-${version}`,
          ageDays: 30 - version,
          launchPermissions: { accounts: ['111122223333'] },
          createVolumePermissions: ['111122223333'],
        })),
      },
    },
  },
  roles: [role('222233334444'), role('333344445555')],
};

describe.each(SAMPLES)('deploy/samples/$file', ({ documents }) => {
  const policies = documents.filter(({ kind }) => kind === 'AmiPolicy');
  const given = documents.filter(({ kind }) => kind === 'AwsAccount');
  const source = { apiVersion: 'amifleet.io/v1alpha1', kind: 'AwsAccount', metadata: { name: '111122223333' } };
  const accounts = given.length > 0 ? given : [{ ...source, spec: { namespaces: ['platform'] } }];

  it('comes to rest in the simulated AWS, ready, with a word on everything', async () => {
    const world = begin(policies, { seed: SEED, accounts });
    world.launch();
    for (const { metadata, spec } of policies) {
      const { name = '' } = metadata as { name?: string };
      const isPlan = (spec as { mode?: string }).mode === 'Plan';
      const planned = (): number => world.policy(name)?.status?.plan?.next?.length ?? 0;
      await world.until(`${name} has come to rest`, () => (isPlan ? planned() > 0 : world.isReady(name)), DAY);
      const { status } = world.policy(name) ?? {};
      expect(status?.versions?.length).toBeGreaterThan(0);
      const short = status?.targets?.filter(({ ready, wanted }) => ready !== wanted) ?? [];
      expect(isPlan ? [] : short).toEqual([]);
    }
    await expectRest(world);
  });
});
