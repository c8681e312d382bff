/**
 * What the schemas of both kinds accept and refuse: one table, which is run through `admit` and on a real API server
 * (`test/controlplane/spec-cases.test.ts`), so that file mode and the cluster give the same verdicts.
 */
export interface SpecCase {
  readonly name: string;
  readonly object: Manifest;
  /** The object as it was, when the case is an update. */
  readonly before?: Manifest;
  /** The message of the CEL rule that the case is about. */
  readonly rule?: string;
  /** Where it is refused, and with what in the message. Absent: it is accepted. */
  readonly refused?: { readonly field: string; readonly message: string };
}

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: 'AmiPolicy' | 'AwsAccount';
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: unknown;
}

/** The namespace of all policies here. */
export const CASES_NAMESPACE = 'spec-cases';

const API_VERSION = 'amifleet.io/v1alpha1';
const IMAGES = { names: ['web-*'] };
const SOURCE = { account: '111122223333', region: 'us-east-1', images: IMAGES };
const REGIONS = [{ name: 'eu-west-1' }];

/** Without what is undefined. */
const asSent = (value: object): unknown => JSON.parse(JSON.stringify(value));

const policy = (spec: object, name = 'web-base'): Manifest => ({
  apiVersion: API_VERSION,
  kind: 'AmiPolicy',
  metadata: { name, namespace: CASES_NAMESPACE },
  spec: asSent({ source: SOURCE, regions: REGIONS, ...spec }),
});
const source = (parts: object): Manifest => policy({ source: { ...SOURCE, ...parts } });
const images = (parts: object): Manifest => source({ images: parts });
/** Not one of the samples, which are on the same API server. */
const account = (spec: object, name = '777788889999'): Manifest => ({
  apiVersion: API_VERSION,
  kind: 'AwsAccount',
  metadata: { name },
  spec,
});

const many = <T>(n: number, item: (index: number) => T): T[] => Array.from({ length: n }, (_, index) => item(index));
const accountIds = (n: number): string[] => many(n, (index) => String(200_000_000_000 + index));
const map = (n: number): Record<string, string> => Object.fromEntries(many(n, (index) => [`key-${index}`, 'v']));
const letters = (n: number): string => many(n, (index) => String.fromCodePoint(97 + (index % 26))).join('');
const region = (index: number): { name: string } => ({ name: `eu-${letters(3 + (index % 5))}-${index + 1}` });

const ORGANIZATION = 'arn:aws:organizations::111122223333:organization/o-abc123';
const UNIT = 'arn:aws:organizations::111122223333:ou/o-abc123/ou-ab12-cdef';

/** A CEL rule: what it lets through, and what it refuses. */
function ruled(
  field: string,
  rule: string,
  accepted: Readonly<Record<string, Manifest>>,
  refused: Readonly<Record<string, Manifest>>,
): SpecCase[] {
  return [
    ...Object.entries(accepted).map(([name, object]) => ({ name, object, rule })),
    ...Object.entries(refused).map(([name, object]) => ({ name, object, rule, refused: { field, message: rule } })),
  ];
}

/** Two stages of retirement of which the earlier must not come after the later. */
const staged = (earlier: string, later: string): SpecCase[] =>
  ruled(
    `spec.retention.${earlier}`,
    `${earlier} must not be more than ${later}: the stages follow each other`,
    { [`${earlier} and ${later} on one day`]: policy({ retention: { [earlier]: 7, [later]: 7 } }) },
    { [`${earlier} after ${later}`]: policy({ retention: { [earlier]: 8, [later]: 7 } }) },
  );

const RULES: readonly SpecCase[] = [
  ...ruled(
    'spec.publish.ssmParameter',
    'the name must not begin with /aws or /ssm, which belong to AWS',
    { 'a parameter': policy({ publish: { ssmParameter: '/ami/{architecture}' } }) },
    {
      'a parameter of AWS': policy({ publish: { ssmParameter: '/aws/{architecture}' } }),
      'a parameter of SSM': policy({ publish: { ssmParameter: '/ssm/{architecture}' } }),
    },
  ),
  ...ruled(
    'spec.publish',
    'publish.ssmParameter must hold {KEY} for every key of source.groupBy: each family needs a name of its own',
    {
      'a parameter for each family': policy({
        source: { ...SOURCE, groupBy: ['app'] },
        publish: { ssmParameter: '/ami/{app}/{architecture}' },
      }),
    },
    {
      'one parameter for several families': policy({
        source: { ...SOURCE, groupBy: ['app', 'os'] },
        publish: { ssmParameter: '/ami/{app}/{architecture}' },
      }),
    },
  ),
  ...ruled(
    'spec.publish',
    'publish.ssmParameter must hold {architecture} unless source.images.architectures selects exactly one',
    {
      'a parameter of one architecture': policy({
        source: { ...SOURCE, images: { ...IMAGES, architectures: ['arm64'] } },
        publish: { ssmParameter: '/ami/web' },
      }),
    },
    {
      'one parameter for all architectures': policy({ publish: { ssmParameter: '/ami/web' } }),
      'one parameter for two architectures': policy({
        source: { ...SOURCE, images: { ...IMAGES, architectures: ['arm64', 'x86_64'] } },
        publish: { ssmParameter: '/ami/web' },
      }),
    },
  ),
  ...ruled(
    'spec.sharing',
    'with sharing.public no region must have a kmsKeyId: what is encrypted cannot be public',
    {
      'public images': policy({ sharing: { public: true }, accounts: [{ id: '222233334444', regions: REGIONS }] }),
      'a key, and nothing public': policy({
        sharing: { public: false },
        regions: [{ name: 'eu-west-1', kmsKeyId: 'alias/ami' }],
      }),
    },
    {
      'public images under a key': policy({
        sharing: { public: true },
        regions: [{ name: 'eu-west-1', kmsKeyId: 'alias/ami' }],
      }),
      'public images, and a key in another account': policy({
        sharing: { public: true },
        accounts: [{ id: '222233334444', regions: [{ name: 'eu-west-1', kmsKeyId: 'alias/ami' }] }],
      }),
    },
  ),
  ...ruled(
    'spec.accountSelector.matchLabels',
    'label keys must be 1 to 317 characters long',
    { 'a selector of accounts': policy({ accountSelector: { matchLabels: { 'example.com/tier': 'prod' } } }) },
    { 'a selector with an empty label': policy({ accountSelector: { matchLabels: { '': 'prod' } } }) },
  ),
  ...staged('deprecateAfterDays', 'disableAfterDays'),
  ...staged('disableAfterDays', 'deleteAfterDays'),
  ...staged('deprecateAfterDays', 'deleteAfterDays'),
  ...ruled(
    '<root>',
    'metadata.name must be at most 63 characters long: it becomes part of tag values',
    { 'a name of 63 characters': policy({}, 'a'.repeat(63)) },
    { 'a name of 64 characters': policy({}, 'a'.repeat(64)) },
  ),
  ...ruled(
    'spec.source.images',
    'must hold at least one of names, tags, ids and architectures',
    {
      'a selector by name alone': images({ names: ['web'] }),
      'a selector by tag alone': images({ tags: { app: 'web' } }),
      'a selector by id alone': images({ ids: ['ami-0123456789abcdef0'] }),
      'a selector by architecture alone': images({ architectures: ['arm64'] }),
    },
    {
      'a selector that selects nothing': images({}),
      'a selector that only excludes': images({ exclude: ['web-1'] }),
      'a selector by owner alone': images({ owner: 'self' }),
    },
  ),
  ...ruled(
    'spec.source.images',
    'must hold names or ids where owner is another account: not everything that it shares is looked through',
    {
      'images of another account by name': images({ names: ['web'], owner: '999988887777' }),
      'images of another account by id': images({ ids: ['ami-0123456789abcdef0'], owner: '999988887777' }),
      'own images by tag': images({ tags: { app: 'web' }, owner: 'self' }),
    },
    { 'images of another account by tag alone': images({ tags: { app: 'web' }, owner: '999988887777' }) },
  ),
  ...ruled(
    'spec.retention.scope',
    'scope: CopiesAndSource needs source.images.owner self: images of another account are not ours to retire',
    {
      'own sources retired': policy({ retention: { scope: 'CopiesAndSource' } }),
      'copies of images of another account retired': policy({
        source: { ...SOURCE, images: { ...IMAGES, owner: '999988887777' } },
        retention: { scope: 'Copies' },
      }),
    },
    {
      'images of another account retired': policy({
        source: { ...SOURCE, images: { ...IMAGES, owner: '999988887777' } },
        retention: { scope: 'CopiesAndSource' },
      }),
    },
  ),
  ...ruled(
    'spec.source.images',
    'tag keys must be 1 to 128 characters long',
    { 'a selector with a tag key of 128 characters': images({ tags: { ['k'.repeat(128)]: 'v' } }) },
    {
      'a selector with a tag key of 129 characters': images({ tags: { ['k'.repeat(129)]: 'v' } }),
      'a selector with an empty tag key': images({ tags: { '': 'v' } }),
    },
  ),
  ...ruled(
    'spec.tags.add',
    'tag keys must be 1 to 128 characters long and must not start with aws: or amifleet.io/',
    { 'tags with a foreign prefix': policy({ tags: { add: { 'example.com/amifleet.io/x': 'v', 'xaws:y': 'v' } } }) },
    {
      'a tag of AWS': policy({ tags: { add: { 'aws:x': 'v' } } }),
      'a tag of this controller': policy({ tags: { add: { 'amifleet.io/policy': 'v' } } }),
      'a tag with an empty key': policy({ tags: { add: { '': 'v' } } }),
      'a tag key of 129 characters': policy({ tags: { add: { ['k'.repeat(129)]: 'v' } } }),
    },
  ),
  ...ruled(
    'spec.sharing',
    'must name at most 1000 accounts, organizations and organizationalUnits together (the quota of EC2 for one image)',
    {
      'sharing with 1000 accounts': policy({ sharing: { accounts: accountIds(1000) } }),
      'sharing with 998 accounts, an organisation and a unit': policy({
        sharing: { accounts: accountIds(998), organizations: [ORGANIZATION], organizationalUnits: [UNIT] },
      }),
    },
    {
      'sharing with 999 accounts, an organisation and a unit': policy({
        sharing: { accounts: accountIds(999), organizations: [ORGANIZATION], organizationalUnits: [UNIT] },
      }),
    },
  ),
  ...ruled(
    'spec.accounts',
    'accounts must not list the source account: its regions belong in spec.regions',
    { 'another account': policy({ accounts: [{ id: '222233334444' }] }) },
    { 'the source account once more': policy({ accounts: [{ id: '222233334444' }, { id: '111122223333' }] }) },
  ),
  ...ruled(
    'spec.accounts',
    'share: true needs spec.sharing, which says with whom',
    {
      'share where sharing says with whom': policy({
        accounts: [{ id: '222233334444', share: true }],
        sharing: { accounts: ['444455556666'] },
      }),
      'share: false without sharing': policy({ accounts: [{ id: '222233334444', share: false }] }),
    },
    {
      'share without sharing': policy({ accounts: [{ id: '222233334444' }, { id: '333344445555', share: true }] }),
    },
  ),
  ...ruled(
    '<root>',
    'metadata.name must be the 12-digit account id',
    { 'an account named by its id': account({}) },
    { 'an account with a name of its own': account({}, 'prod'), 'an id of 13 digits': account({}, '7777888899991') },
  ),
  ...ruled(
    '<root>',
    'spec.roleArn must be a role of the account that metadata.name names',
    {
      'a role of the account': account({ roleArn: 'arn:aws:iam::777788889999:role/amifleet' }),
      'a role with a path, in another partition': account({ roleArn: 'arn:aws-us-gov:iam::777788889999:role/a/b' }),
    },
    {
      'a role of another account': account({ roleArn: 'arn:aws:iam::111122223333:role/amifleet' }),
      'a role of another account whose name holds the id': account({
        roleArn: 'arn:aws:iam::111122223333:role/777788889999',
      }),
    },
  ),
  ...['account', 'region'].flatMap((field): SpecCase[] => {
    const rule = `source.${field} must not change: create another policy for another source`;
    const other = source({ [field]: field === 'account' ? '999988887777' : 'us-west-2' });
    const refused = { field: `spec.source.${field}`, message: rule };
    return [
      { name: `source.${field} stays while others change`, before: policy({}), object: images({ names: ['x'] }), rule },
      { name: `source.${field} changes`, before: policy({}), object: other, rule, refused },
    ];
  }),
  ...['self', '999988887777'].map((owner): SpecCase => {
    const rule = 'source.images.owner must not change: create another policy for another source';
    const refused = { field: 'spec.source.images.owner', message: rule };
    const before = images({ ...IMAGES, owner: '888899990000' });
    const object = images({ names: ['x'], owner });
    return { name: `source.images.owner changes to ${owner}`, before, object, rule, refused };
  }),
  {
    name: 'source.images.owner is left out, which was self',
    before: images({ ...IMAGES, owner: 'self' }),
    object: policy({}),
    rule: 'source.images.owner must not change: create another policy for another source',
  },
];

/** Beyond a bound of a field, or not of its kind. */
const refusals: readonly [name: string, field: string, message: string, object: Manifest][] = [
  ['no source', 'spec.source', 'Required value', policy({ source: undefined })],
  ['no account', 'spec.source.account', 'Required value', source({ account: undefined })],
  ['no images', 'spec.source.images', 'Required value', source({ images: undefined })],
  ['no regions', 'spec.regions', 'Required value', policy({ regions: undefined })],
  ['an account without id', 'spec.accounts[0].id', 'Required value', policy({ accounts: [{ share: false }] })],
  ['an empty list of regions', 'spec.regions', 'should have at least 1 items', policy({ regions: [] })],
  ['41 regions', 'spec.regions', 'must have at most 40 items', policy({ regions: many(41, region) })],
  [
    'a region twice',
    'spec.regions[1]',
    'Duplicate value: {"name":"eu-abc-1"}',
    policy({ regions: [region(0), region(0)] }),
  ],
  ['a region that is none', 'spec.regions[0].name', 'should match', policy({ regions: [{ name: 'Ireland' }] })],
  ['a zone for a region', 'spec.regions[0].name', 'should match', policy({ regions: [{ name: 'eu-west-1a' }] })],
  [
    'an account id that YAML took for a number',
    'spec.source.account',
    'must be of type string: "integer"',
    source({ account: 111122223333 }),
  ],
  ['an id of 11 digits', 'spec.source.account', 'should match', source({ account: '11112222333' })],
  ['an id of 13 digits', 'spec.source.account', 'Too long', source({ account: '1111222233334' })],
  ['a mode that does not exist', 'spec.mode', 'supported values: "Apply", "Plan"', policy({ mode: 'Dry' })],
  ['suspend in quotes', 'spec.suspend', 'must be of type boolean: "string"', policy({ suspend: 'true' })],
  [
    'a deletion policy that does not exist',
    'spec.deletionPolicy',
    'supported values: "Retain", "Delete"',
    policy({ deletionPolicy: 'Orphan' }),
  ],
  ['an empty list of names', 'spec.source.images.names', 'should have at least 1 items', images({ names: [] })],
  ['an empty name', 'spec.source.images.names[0]', 'should be at least 1 chars long', images({ names: [''] })],
  ['a name of 129 characters', 'spec.source.images.names[0]', 'Too long', images({ names: ['n'.repeat(129)] })],
  ['a name twice', 'spec.source.images.names[1]', 'Duplicate value', images({ names: ['a', 'a'] })],
  [
    '51 names',
    'spec.source.images.names',
    'must have at most 50 items',
    images({ names: many(51, (index) => `n${index}`) }),
  ],
  ['21 tags', 'spec.source.images.tags', 'Too many: 21: must have at most 20 items', images({ tags: map(21) })],
  [
    'a tag value of 257 characters',
    'spec.source.images.tags.app',
    'Too long',
    images({ tags: { app: 'v'.repeat(257) } }),
  ],
  ['an image id of 16 digits', 'spec.source.images.ids[0]', 'should match', images({ ids: [`ami-${'0'.repeat(16)}`] })],
  [
    'an architecture that EC2 does not know',
    'spec.source.images.architectures[0]',
    'supported values: "i386", "x86_64", "arm64", "x86_64_mac", "arm64_mac"',
    images({ architectures: ['amd64'] }),
  ],
  ['an owner by name', 'spec.source.images.owner', 'should match', images({ ...IMAGES, owner: 'amazon' })],
  [
    '6 tag keys to group by',
    'spec.source.groupBy',
    'must have at most 5 items',
    source({ groupBy: letters(6).split('') }),
  ],
  ['a tag key with a line end', 'spec.source.groupBy[0]', 'should match', source({ groupBy: ['a\nb'] })],
  ['newest: 0', 'spec.source.newest', 'should be greater than or equal to 1', source({ newest: 0 })],
  ['newest: 1001', 'spec.source.newest', 'should be less than or equal to 1000', source({ newest: 1001 })],
  ['half a version', 'spec.source.newest', 'must be of type integer: "number"', source({ newest: 1.5 })],
  [
    'an account twice',
    'spec.accounts[1]',
    'Duplicate value',
    policy({ accounts: [{ id: '222233334444' }, { id: '222233334444' }] }),
  ],
  [
    '201 accounts',
    'spec.accounts',
    'must have at most 200 items',
    policy({ accounts: accountIds(201).map((id) => ({ id })) }),
  ],
  ['41 tags to add', 'spec.tags.add', 'must have at most 40 items', policy({ tags: { add: map(41) } })],
  [
    'a tag value that is a number',
    'spec.tags.add.n',
    'must be of type string: "integer"',
    policy({ tags: { add: { n: 1 } } }),
  ],
  [
    'an organisation by its id alone',
    'spec.sharing.organizations[0]',
    'should match',
    policy({ sharing: { organizations: ['o-abc123'] } }),
  ],
  [
    'a unit for an organisation',
    'spec.sharing.organizations[0]',
    'should match',
    policy({ sharing: { organizations: [UNIT] } }),
  ],
  [
    'a root for a unit',
    'spec.sharing.organizationalUnits[0]',
    'should match',
    policy({ sharing: { organizationalUnits: ['arn:aws:organizations::111122223333:root/o-abc123/r-ab12'] } }),
  ],
  [
    'a grant policy that does not exist',
    'spec.sharing.unlistedGrants',
    'supported values: "Revoke", "Keep"',
    policy({ sharing: { unlistedGrants: 'Ignore' } }),
  ],
  [
    'keepNewest: 0',
    'spec.retention.keepNewest',
    'greater than or equal to 1',
    policy({ retention: { keepNewest: 0 } }),
  ],
  ['keepDays: -1', 'spec.retention.keepDays', 'greater than or equal to 0', policy({ retention: { keepDays: -1 } })],
  [
    'a duration for days',
    'spec.retention.deleteAfterDays',
    'must be of type integer: "string"',
    policy({ retention: { deleteAfterDays: '30d' } }),
  ],
  [
    'a scope that does not exist',
    'spec.retention.scope',
    'supported values: "Copies"',
    policy({ retention: { scope: 'Everything' } }),
  ],
  [
    '1001 deletions a day',
    'spec.retention.maxDeletionsPerDay',
    'less than or equal to 1000',
    policy({ retention: { maxDeletionsPerDay: 1001 } }),
  ],
  ['a list for the spec', 'spec', 'must be of type object: "array"', { ...policy({}), spec: [] }],
  ['a user for a role', 'spec.roleArn', 'should match', account({ roleArn: 'arn:aws:iam::777788889999:user/me' })],
  [
    'an external id of one character',
    'spec.externalId',
    'should be at least 2 chars long',
    account({ externalId: 'x' }),
  ],
  ['an external id with a blank', 'spec.externalId', 'should match', account({ externalId: 'a b' })],
  [
    'an allowance that does not exist',
    'spec.allow[0]',
    'supported values: "Public", "RetireSources", "SkipRecycleBin"',
    account({ allow: ['All'] }),
  ],
  [
    'a key that is none',
    'spec.regions[0].kmsKeyId',
    'should match',
    policy({ regions: [{ name: 'eu-west-1', kmsKeyId: 'ami' }] }),
  ],
  [
    'a selector without labels',
    'spec.accountSelector.matchLabels',
    'should have at least 1 properties',
    policy({ accountSelector: { matchLabels: {} } }),
  ],
  ['a pattern of namespaces', 'spec.namespaces[0]', 'should match', account({ namespaces: ['team-*'] })],
  [
    '501 namespaces',
    'spec.namespaces',
    'must have at most 500 items',
    account({ namespaces: many(501, (index) => `ns-${index}`) }),
  ],
];

/** At the edge of a bound, or unusual and right all the same. */
const ACCEPTED: readonly SpecCase[] = [
  { name: '40 regions', object: policy({ regions: many(40, region) }) },
  { name: 'a region of a partition of its own', object: policy({ regions: [{ name: 'us-gov-west-1' }] }) },
  { name: 'an account id with leading zeros', object: source({ account: '000000000012' }) },
  { name: 'an image id of 8 digits', object: images({ ids: ['ami-01234567'] }) },
  { name: 'a tag key in Greek, with blanks', object: source({ groupBy: ['κλειδί α'] }) },
  { name: 'an empty tag value', object: images({ tags: { app: '' } }) },
  { name: 'sharing with nobody', object: policy({ sharing: {} }) },
  { name: 'sharing with nobody, said in full', object: policy({ sharing: { accounts: [], organizations: [] } }) },
  { name: 'retention with every default', object: policy({ retention: {} }) },
  {
    name: 'all stages on one day',
    object: policy({ retention: { deprecateAfterDays: 0, disableAfterDays: 0, deleteAfterDays: 0 } }),
  },
  { name: 'no deletions today', object: policy({ retention: { maxDeletionsPerDay: 0, deleteAfterDays: 0 } }) },
  { name: 'a null where there is a default', object: policy({ mode: null }) },
  { name: 'an account for all namespaces', object: account({ namespaces: ['*'] }) },
  { name: 'an account for nobody', object: account({ namespaces: [] }) },
];

export const SPEC_CASES: readonly SpecCase[] = [
  ...RULES,
  ...refusals.map(([name, field, message, object]): SpecCase => ({ name, object, refused: { field, message } })),
  ...ACCEPTED,
];
