/** The accounts of the sample policies. */
export const BUILDERS = '111122223333';
export const PRODUCTION = '222233334444';
const SELECTED = '333344445555';

const VENDOR = '777788889999';

const KEY = { keys: [{ alias: 'alias/ami' }] };
const KEYS = { 'eu-west-1': KEY };
const role = (id: string): object => ({
  arn: `arn:aws:iam::${id}:role/amifleet`,
  externalId: 'amifleet-prod',
  trusts: [BUILDERS],
});

/** What the samples of deploy/ are about: images of several kinds in one account, roles in two others, and keys. */
export const SAMPLE_WORLD = {
  seed: 11,
  copySeconds: [20, 60],
  accounts: {
    [BUILDERS]: {
      'us-east-1': {
        images: [
          ...['1', '2', '3', '4'].flatMap((version, index) => [
            image(`api-base-${version}`, 40 - 10 * index, { app: 'api-base', release: 'stable' }),
            image(`job-base-${version}`, 41 - 10 * index, { app: 'job-base', release: 'stable' }),
          ]),
          // Each sample has images of its own: what one policy retains, no other one takes.
          image('web-base-1', 20, { app: 'web-base' }),
          image('web-base-2', 10, { app: 'web-base' }),
          image('node-base-1', 15, { app: 'node-base' }),
          { ...image('db-base-1', 3, { app: 'db-base' }), architecture: 'arm64' },
          ...['x86_64', 'arm64'].flatMap((architecture) =>
            [3, 2, 1].map((version) => ({
              ...image(`node-${architecture}-${version}`, 10 * version, { pipeline: 'node', channel: 'stable' }),
              architecture,
            })),
          ),
        ],
        ...KEY,
      },
      ...KEYS,
    },
    [PRODUCTION]: {},
    [SELECTED]: KEYS,
    [VENDOR]: {
      'us-east-1': {
        images: ['1', '2'].map((version) => ({
          ...image(`appliance-${version}`, 10, {}),
          launchPermissions: { accounts: [BUILDERS] },
          createVolumePermissions: [BUILDERS],
        })),
      },
    },
  },
  roles: [role(PRODUCTION), role(SELECTED)],
};

function image(name: string, ageDays: number, tags: Readonly<Record<string, string>>): object {
  return { name, ageDays, tags, volumesGiB: [8] };
}
