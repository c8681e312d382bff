import type { Tags } from './model.ts';
import { managerIn } from './other-managers.ts';

/** The tags that this controller writes, and reads back: they are its memory, and they are in AWS where the images are. */
const TAG_PREFIX = 'amifleet.io/';

export const TAG = {
  /** namespace/name of the policy that a copy was made for. */
  policy: 'amifleet.io/policy',
  policyUid: 'amifleet.io/policy-uid',
  cluster: 'amifleet.io/cluster',
  sourceImage: 'amifleet.io/source-image',
  sourceRegion: 'amifleet.io/source-region',
  sourceAccount: 'amifleet.io/source-account',
  /** When the source image was made, ISO 8601. Versions are ordered by it, also after the source is gone. */
  sourceCreated: 'amifleet.io/source-created',
  sourceName: 'amifleet.io/source-name',
  family: 'amifleet.io/family',
  /** The id of the image that the copy was made from: EC2 records it too, and where the two differ the tags were copied by somebody. */
  origin: 'amifleet.io/origin',
  /** `<count>.<digest>`: how many copies were lost before this one, and which (see token.ts). */
  attempt: 'amifleet.io/attempt',
  /** When the rules stopped keeping the copy. */
  surplusSince: 'amifleet.io/surplus-since',
  /** The id of the copy under another key that takes its place. */
  replacedBy: 'amifleet.io/replaced-by',
  /** When this policy deprecated it. EC2 itself says since when it is deprecated. */
  deprecatedSince: 'amifleet.io/deprecated-since',
  /** When this policy disabled it; `begun` while that is not certain, and `found <time>` where somebody else had. */
  disabledSince: 'amifleet.io/disabled-since',
  /** When this policy switched its deregistration protection on. */
  protectedSince: 'amifleet.io/protected-since',
  /** When the version was taken back on purpose. */
  withdrawnSince: 'amifleet.io/withdrawn-since',
  /** On a snapshot: `<image id> <time>`; its image is being deleted and the snapshot goes with it. */
  deleting: 'amifleet.io/deleting',
  /** On a snapshot: `<image id>`; it was kept on purpose when its image was deleted. */
  kept: 'amifleet.io/kept',
  /** Written by people: keeps the image, whatever the rules say. The value says why. */
  hold: 'amifleet.io/hold',
  /** On a source image: the one policy that may change it. */
  claimedBy: 'amifleet.io/claimed-by',
} as const;

/** EC2 shows tags with this prefix to everybody that an image is shared with. */
export const SHARED_TAG = 'ec2:SharedTag/';

/** On an origin: the launch and snapshot permissions of this account were given by us, for a copy, and will be taken back. */
export const tempGrantTag = (account: string): string => `amifleet.io/temp-grant-${account}`;

/** Accounts with a temporary grant on an image that carries `tags`. */
export function tempGrantAccounts(tags: Tags): readonly string[] {
  const prefix = tempGrantTag('');
  return Object.keys(tags)
    .filter((key) => key.startsWith(prefix))
    .map((key) => key.slice(prefix.length))
    .sort();
}

/** EC2 allows 50 tags on a resource. */
export const MAX_TAGS = 50;
export const MAX_TAG_VALUE = 256;

/** Keys that tell of a manager whatever their value is: Image Builder's managed role may delete what has its CreatedBy. */
const TELLS_OF_OTHERS: readonly RegExp[] = [/^CreatedBy$/, /^imagebuilder/i, /^kubernetes\.io\/cluster\//];

/**
 * Whether a tag of a source image may be written on its copies. A copy with the mark of another manager would be taken
 * for one of its own.
 */
export function mayTravel(key: string, value = ''): boolean {
  if (key.startsWith('aws:') || key.startsWith(TAG_PREFIX) || key.startsWith(SHARED_TAG)) return false;
  return managerIn(key, value) === undefined && !TELLS_OF_OTHERS.some((mark) => mark.test(key));
}

/** The time in a tag value, milliseconds; undefined when the tag is absent or holds no time. */
export function timeIn(tags: Tags, key: string): number | undefined {
  const value = tags[key];
  const time = value === undefined ? Number.NaN : Date.parse(value);
  return Number.isNaN(time) ? undefined : time;
}

export const isoTime = (ms: number): string => new Date(ms).toISOString();
