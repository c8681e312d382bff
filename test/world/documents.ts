import { DEFAULT_REGIONS, OPTED_IN_REGIONS } from '../../src/simulator/ec2/regions.ts';

export const BUILDERS = '111122223333';
export const PRODUCTION = '222233334444';
export const CONSUMER = '444455556666';
export const UNIT = 'arn:aws:organizations::111122223333:ou/o-abc1234567/ou-ab12-cdef1234';

/** Two accounts with few regions: what is swept daily is then not most of what a test does. */
const disabledRegions = [...DEFAULT_REGIONS, ...OPTED_IN_REGIONS].filter(
  (region) => !['us-east-1', 'eu-west-1', 'us-west-2'].includes(region),
);

const ROLE = `arn:aws:iam::${PRODUCTION}:role/amifleet`;

/** Four images of one family in the builders' account, and a second account with a role. */
export const seedOf = (more: object = {}): object => ({
  seed: 5,
  copySeconds: [20, 90],
  accounts: {
    [BUILDERS]: {
      disabledRegions,
      'us-east-1': {
        images: [1, 2, 3].map((version) => ({
          id: `ami-0000000000000000${version}`,
          name: `web-${version}`,
          ageDays: 40 - 10 * version,
          tags: { app: 'web', release: 'stable' },
          volumesGiB: version === 3 ? [8, 20] : [8],
        })),
      },
    },
    [PRODUCTION]: { disabledRegions },
  },
  roles: [{ arn: ROLE, externalId: 'amifleet-prod', trusts: [BUILDERS] }],
  ...more,
});

export const account = (id: string, spec: object = {}): object => ({
  apiVersion: 'amifleet.io/v1alpha1',
  kind: 'AwsAccount',
  metadata: { name: id },
  spec: {
    namespaces: ['platform'],
    ...(id === BUILDERS ? {} : { roleArn: ROLE, externalId: 'amifleet-prod' }),
    ...spec,
  },
});

export const ACCOUNTS = [account(BUILDERS), account(PRODUCTION)];

/** Two accounts, two regions, shared with an account and an organisational unit. `spec` replaces whole fields. */
export const policy = (spec: object = {}, name = 'web'): object => ({
  apiVersion: 'amifleet.io/v1alpha1',
  kind: 'AmiPolicy',
  metadata: { name, namespace: 'platform' },
  spec: {
    source: { account: BUILDERS, region: 'us-east-1', images: { tags: { release: 'stable' } }, groupBy: ['app'] },
    regions: [{ name: 'us-east-1' }, { name: 'eu-west-1' }],
    accounts: [{ id: PRODUCTION, regions: [{ name: 'eu-west-1' }] }],
    sharing: { accounts: [CONSUMER], organizationalUnits: [UNIT] },
    ...spec,
  },
});

/** What goes with its policy at once: also what is so new that EC2 may not have told of launches that are over. */
export const DELETE = { deletionPolicy: 'Delete', retention: { minUnusedDays: 0 } };
