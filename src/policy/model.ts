import { type Permission, type Probe, probeKey } from './probe.ts';

/**
 * What decisions are made of: plain data about images, targets and what was seen of them. The words, as everywhere:
 *
 * - source image: what the selector of a policy finds
 * - version: a source image and all its copies; it outlives the source
 * - family: versions that replace each other (same architecture, same values of the groupBy tags)
 * - target: one (account, region)
 * - copy: an image that this controller made for a (version, target)
 * - origin: the image that a copy is made from
 * - wanted: a version that must exist in every target of the policy
 * - retained, surplus: kept by the rules, or not
 * - withdrawn: taken back on purpose
 * - inventory: what was observed of one target
 * - evidence: why an image counts as used, unused or unknown
 * - plan: the actions, each with its reason; action: one mutating AWS call
 */

export interface Target {
  readonly account: string;
  readonly region: string;
}

/** `account/region`: a target as the key of a map, and as users see it. */
export type TargetKey = string;

const keys = new WeakMap<Target, TargetKey>();

/** Made once for each target object: a plan asks for it several times for each image. */
export function targetKey(target: Target): TargetKey {
  let key = keys.get(target);
  if (key === undefined) {
    key = `${target.account}/${target.region}`;
    keys.set(target, key);
  }
  return key;
}

export function parseKey(key: TargetKey): Target {
  const [account = '', region = ''] = key.split('/');
  return { account, region };
}

/** `invalid` and `error` are in EC2's model without a meaning; they are left alone. */
export type ImageState =
  | 'pending'
  | 'available'
  | 'failed'
  | 'disabled'
  | 'deregistered'
  | 'invalid'
  | 'error'
  | 'transient';

export interface Volume {
  readonly snapshotId?: string;
  readonly sizeGiB: number;
  readonly encrypted: boolean;
}

export type Tags = Readonly<Record<string, string>>;

/** One AMI as DescribeImages shows it to its owner. Times are milliseconds since the epoch. */
export interface Image {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly state: ImageState;
  /** What EC2 says of a failure. */
  readonly stateReason?: string;
  readonly createdAt: number;
  readonly architecture: string;
  readonly tags: Tags;
  readonly volumes: readonly Volume[];
  /** Undefined: never launched, or not yet reported (EC2 lags by up to 24 h). */
  readonly lastLaunchedAt?: number;
  /** Everyone may launch it. */
  readonly public?: true;
  /** When EC2 counts it as deprecated, milliseconds since the epoch; undefined: no such date is set. */
  readonly deprecatesAt?: number;
  /** `disabled`, `enabled-…`, or `disabled after <time>` during the cool-down. */
  readonly protection: string;
  /** Products of AWS Marketplace; undefined: none. */
  readonly productCodes?: readonly string[];
  /** The image it was copied or created from, as EC2 recorded it. */
  readonly madeFrom?: string;
  /** EC2 returned this id for a copy and shows it without the tags of the request; `tags` are those. */
  readonly untagged?: true;
}

/** One EBS snapshot of the owner. */
export interface Snapshot {
  readonly id: string;
  readonly state: string;
  /** 0 to 100. */
  readonly progress: number;
  readonly description: string;
  readonly tags: Tags;
  readonly sizeGiB: number;
  readonly encrypted: boolean;
  /** The ARN of the key that it is encrypted with. */
  readonly kmsKeyId?: string;
  /** What EC2 says of a failure. */
  readonly stateMessage?: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** It was moved to the archive tier: nothing can be launched from it there, and it is billed for 90 days at least. */
  readonly archived?: true;
}

/** Who may launch an image, beside its owner. */
export interface LaunchGrants {
  readonly accounts: readonly string[];
  readonly organizations: readonly string[];
  readonly organizationalUnits: readonly string[];
  readonly public: boolean;
}

export const NO_GRANTS: LaunchGrants = { accounts: [], organizations: [], organizationalUnits: [], public: false };

/** Something that had to be asked for by itself. A failed answer is never taken for a no. */
export type Answer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: string };

/** What refers to an image in its own account, for example `ec2:Instance i-0abc`. */
export type References = readonly string[];

/** Something in the Recycle Bin. */
export interface Binned {
  /** When it leaves the bin and cannot be restored any more, milliseconds since the epoch; undefined: EC2 does not say. */
  readonly exitsAt?: number;
}

/** A lock on a snapshot, while which nobody can delete it. */
export interface SnapshotLock {
  readonly mode: 'governance' | 'compliance' | 'compliance-cooloff';
  /** When it ends by itself, milliseconds since the epoch; undefined: EC2 does not say. */
  readonly until?: number;
}

/** A KMS key as DescribeKey shows it to the account that would use it. */
export type Key =
  | { readonly kind: 'usable'; readonly arn: string; readonly managedByAws: boolean }
  /** There, and of no use for snapshots: why. */
  | { readonly kind: 'unusable'; readonly arn: string; readonly why: string }
  | { readonly kind: 'missing' }
  /** Nobody lets us look at it. EC2 may be allowed to use it all the same. */
  | { readonly kind: 'denied'; readonly why: string };

/** How a target encrypts what nobody has asked to be encrypted otherwise. */
export interface EncryptionDefaults {
  readonly byDefault: boolean;
  /** The key for that, as EC2 gives it: an ARN, or `alias/aws/ebs`. */
  readonly key: string;
}

/** A parameter of SSM, by its name. */
export interface Parameter {
  readonly value: string;
  /** Counts its changes. */
  readonly version: number;
}

/** A parameter that carries the tag of a cluster. */
export interface OwnParameter {
  readonly name: string;
  readonly description: string;
}

/** Which images of other accounts can be used in a target: the others are not there for it. */
export interface AllowedImages {
  readonly isOn: boolean;
  /** The accounts whose images may be allowed, whatever else is asked of them; undefined: that cannot be told. */
  readonly providers?: readonly string[];
}

/** What one account does with an image, by a usage report of EC2. */
export interface Usage {
  readonly account: string;
  /** For example `ec2:Instance`. */
  readonly type: string;
  readonly count: number;
}

/** The newest usage report that EC2 has of an image, over all accounts. Times are milliseconds since the epoch. */
export type UsageReport =
  | { readonly kind: 'none' }
  | { readonly kind: 'pending'; readonly id: string; readonly createdAt: number }
  | { readonly kind: 'failed'; readonly id: string; readonly createdAt: number; readonly why: string }
  | { readonly kind: 'available'; readonly id: string; readonly createdAt: number; readonly usages: readonly Usage[] };

/**
 * What was observed of one target. Images and snapshots were listed completely (an incomplete listing is no inventory);
 * the other maps hold what was asked for image by image.
 */
export interface Inventory {
  /** Every image of the account was listed, and not only those with our tags. */
  readonly isWhole?: true;
  readonly images: ReadonlyMap<string, Image>;
  readonly snapshots: ReadonlyMap<string, Snapshot>;
  readonly launchGrants: ReadonlyMap<string, Answer<LaunchGrants>>;
  /** Accounts that may create volumes from a snapshot, by snapshot id. */
  readonly volumeGrants: ReadonlyMap<string, Answer<readonly string[]>>;
  readonly references: ReadonlyMap<string, Answer<References>>;
  readonly usageReports: ReadonlyMap<string, Answer<UsageReport>>;
  /** Keys by the name that they were asked for by. */
  readonly keys: ReadonlyMap<string, Answer<Key>>;
  /** The ARN of the key of snapshots that the listing does not hold, by id; empty where they are not encrypted. */
  readonly snapshotKeys: ReadonlyMap<string, Answer<string>>;
  /** The images of the account that were made from another, by the id of that one, whoever made them. */
  readonly madeFrom: ReadonlyMap<string, Answer<readonly Image[]>>;
  /** Parameters by name; undefined as a value: there is none. */
  readonly parameters: ReadonlyMap<string, Answer<Parameter | undefined>>;
  /** What parameters that this cluster has not tagged say of themselves, by name; undefined as a value: there is none. */
  readonly descriptions: ReadonlyMap<string, Answer<string | undefined>>;
  /** What parameters were set to so lately that SSM may not show it yet, by name. */
  readonly pointed: ReadonlyMap<string, string>;
  /** The parameters of this cluster. Undefined when it was not asked. */
  readonly ownParameters?: Answer<readonly OwnParameter[]>;
  /** Whether images may not be made public there. Undefined when it was not asked. */
  readonly publicBlocked?: Answer<boolean>;
  /** Images of other accounts that this one may launch, by `listingKey`. */
  readonly sharedImages: ReadonlyMap<string, Answer<ReadonlyMap<string, Image>>>;
  /** Undefined when it was not asked. */
  readonly encryption?: Answer<EncryptionDefaults>;
  /** What dry runs have shown, by `probeKey`; undefined where nobody makes them. */
  readonly permissions?: ReadonlyMap<string, Permission>;
  /** Undefined when it was not asked. */
  readonly allowedImages?: Answer<AllowedImages>;
  /** The images in the Recycle Bin, by id; undefined when it was not asked. */
  readonly bin?: Answer<ReadonlyMap<string, Binned>>;
  /** The snapshots that are locked, by id; undefined when it was not asked. */
  readonly locks?: Answer<ReadonlyMap<string, SnapshotLock>>;
}

/** What an AwsAccount must allow by name. */
export type Allowance = 'Public' | 'RetireSources' | 'SkipRecycleBin';

/** A target as a decision sees it: observed, or not, and then why. */
export type TargetView =
  | {
      readonly kind: 'observed';
      readonly inventory: Inventory;
      readonly readOnly: boolean;
      /** What the AwsAccount allows beyond the usual. */
      readonly allow: readonly Allowance[];
    }
  | { readonly kind: 'unavailable'; readonly code: string; readonly message: string; readonly stalls: boolean };

/** Images of another account, each list sorted: those of one of the names, and those of one of the ids. */
export interface SharedListing {
  readonly owner: string;
  /** Patterns, as EC2 filters take them. */
  readonly names: readonly string[];
  readonly ids: readonly string[];
}

export const listingKey = ({ owner, names, ids }: SharedListing): string => JSON.stringify([owner, names, ids]);

/** Something that a decision needs to know and that nobody has asked AWS yet. */
export type Need =
  | { readonly kind: 'launchGrants'; readonly target: Target; readonly imageId: string }
  | { readonly kind: 'volumeGrants'; readonly target: Target; readonly snapshotId: string }
  | { readonly kind: 'references'; readonly target: Target; readonly imageId: string }
  | { readonly kind: 'usageReport'; readonly target: Target; readonly imageId: string }
  | { readonly kind: 'key'; readonly target: Target; readonly key: string }
  | { readonly kind: 'snapshotKey'; readonly target: Target; readonly snapshotId: string }
  | { readonly kind: 'sharedImages'; readonly target: Target; readonly listing: SharedListing }
  | { readonly kind: 'madeFrom'; readonly target: Target; readonly sourceIds: readonly string[] }
  | { readonly kind: 'encryption'; readonly target: Target }
  | { readonly kind: 'publicBlocked'; readonly target: Target }
  | { readonly kind: 'parameter'; readonly target: Target; readonly name: string }
  | { readonly kind: 'description'; readonly target: Target; readonly name: string }
  | { readonly kind: 'ownParameters'; readonly target: Target; readonly cluster: string }
  | { readonly kind: 'allowedImages'; readonly target: Target }
  | { readonly kind: 'permission'; readonly target: Target; readonly probe: Probe }
  | { readonly kind: 'bin'; readonly target: Target }
  | { readonly kind: 'locks'; readonly target: Target };

/** What a need is about within its target; empty where there is only one such thing. */
export function subjectOf(need: Need): string {
  if (need.kind === 'permission') return probeKey(need.probe);
  if ('imageId' in need) return need.imageId;
  if ('snapshotId' in need) return need.snapshotId;
  if ('listing' in need) return listingKey(need.listing);
  if ('name' in need) return need.name;
  if ('sourceIds' in need) return need.sourceIds.join(' ');
  return 'key' in need ? need.key : '';
}

export const DAY_MS = 86_400_000;
