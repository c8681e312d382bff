/** The accounts of the sample policies. */
export const BUILDERS = '111122223333';
export const PRODUCTION = '222233334444';

/** What the samples of deploy/ are about: images of three kinds in one account, and a role in a second one. */
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
          { ...image('db-base-1', 3, { app: 'db-base' }), architecture: 'arm64' },
        ],
      },
    },
    [PRODUCTION]: {},
  },
  roles: [{ arn: `arn:aws:iam::${PRODUCTION}:role/amifleet`, externalId: 'amifleet-prod', trusts: [BUILDERS] }],
};

function image(name: string, ageDays: number, tags: Readonly<Record<string, string>>): object {
  return { name, ageDays, tags, volumesGiB: [8] };
}
