/** Regions that every account has. */
export const DEFAULT_REGIONS: readonly string[] = [
  'us-east-1',
  'us-east-2',
  'us-west-1',
  'us-west-2',
  'ap-south-1',
  'ap-northeast-1',
  'ap-northeast-2',
  'ap-northeast-3',
  'ap-southeast-1',
  'ap-southeast-2',
  'ca-central-1',
  'eu-central-1',
  'eu-north-1',
  'eu-west-1',
  'eu-west-2',
  'eu-west-3',
  'sa-east-1',
];

/** Regions to opt in to that every simulated account has opted in to, unless its seed disables them. */
export const OPTED_IN_REGIONS: readonly string[] = ['af-south-1', 'ap-east-1', 'eu-south-1', 'me-south-1'];

/** Regions to opt in to that are enabled only in a world whose seed has something in them. */
export const OTHER_REGIONS: readonly string[] = [
  'ap-south-2',
  'ap-southeast-3',
  'ap-southeast-4',
  'ap-southeast-5',
  'ap-southeast-7',
  'ca-west-1',
  'eu-central-2',
  'eu-south-2',
  'il-central-1',
  'me-central-1',
  'mx-central-1',
];

export const isRegion = (name: string): boolean =>
  DEFAULT_REGIONS.includes(name) || OPTED_IN_REGIONS.includes(name) || OTHER_REGIONS.includes(name);
