/** The state of the simulated world. Times are milliseconds since the epoch. */
import type { Random } from '../../ambient/random.ts';

export interface Permissions {
  readonly accounts: readonly string[];
  readonly organizations: readonly string[];
  readonly organizationalUnits: readonly string[];
  readonly public: boolean;
}

export const NOBODY: Permissions = { accounts: [], organizations: [], organizationalUnits: [], public: false };

export type Tags = Readonly<Record<string, string>>;

export interface SimVolume {
  readonly device: string;
  readonly snapshotId: string;
  readonly sizeGiB: number;
  readonly encrypted: boolean;
  readonly kmsKeyId?: string;
}

export interface SimImage {
  readonly id: string;
  readonly account: string;
  readonly region: string;
  readonly name: string;
  readonly description: string;
  readonly state: 'pending' | 'available' | 'failed' | 'disabled' | 'deregistered';
  readonly stateReason?: string;
  readonly createdAt: number;
  readonly architecture: string;
  readonly virtualization: 'hvm' | 'paravirtual';
  readonly tags: Tags;
  readonly permissions: Permissions;
  readonly volumes: readonly SimVolume[];
  readonly deprecationTime?: number;
  /** As EC2 words it; `disabled after <time>` is over at that time (`protectionOf`). */
  readonly protection: string;
  readonly lastLaunchedAt?: number;
  readonly sourceImageId?: string;
  readonly sourceRegion?: string;
  readonly productCodes: readonly string[];
  readonly imdsSupport?: 'v2.0';
  readonly bootMode?: string;
  readonly deregisteredAt?: number;
}

export interface SimSnapshot {
  readonly id: string;
  readonly account: string;
  readonly region: string;
  readonly state: 'pending' | 'completed' | 'error';
  readonly stateMessage?: string;
  readonly startedAt: number;
  /** When a pending one is complete. */
  readonly completesAt: number;
  readonly description: string;
  readonly tags: Tags;
  readonly sizeGiB: number;
  readonly encrypted: boolean;
  readonly kmsKeyId?: string;
  /** Accounts that may create volumes from it; `all` for everyone. */
  readonly permissions: readonly string[];
  /** It was moved to the archive: nothing can be launched, copied or restored from it there. */
  readonly archived?: true;
  readonly lock?: SnapshotLock;
  /** It was to be deleted while it was pending: it goes when it is complete. */
  readonly deleteWhenDone?: true;
  readonly deleted: boolean;
}

/** A lock on a snapshot. Those in compliance mode can be taken off until `cooledAt`, and then by nobody. */
export interface SnapshotLock {
  readonly mode: 'governance' | 'compliance';
  readonly lockedAt: number;
  readonly expiresAt: number;
  readonly days: number;
  readonly cooledAt?: number;
}

/** Snapshots that a copy is made from. */
export interface CopySource {
  readonly region: string;
  readonly snapshotIds: readonly string[];
}

/** An image that is being made. */
export interface PendingImage {
  readonly imageId: string;
  readonly endsAt: number;
  /** Why it will fail; undefined when it will not, as far as is known at its start. */
  readonly failure?: string;
  /** Undefined: it is not a copy. */
  readonly source?: CopySource;
}

export interface PendingSnapshot {
  readonly snapshotId: string;
  readonly endsAt: number;
  readonly failure?: string;
  readonly source: CopySource;
}

export interface SimKey {
  readonly alias: string;
  readonly arn: string;
  /** Other accounts that may use it. */
  readonly grantsTo: readonly string[];
  readonly state: 'Enabled' | 'Disabled' | 'PendingDeletion';
  readonly spec: 'SYMMETRIC_DEFAULT' | 'RSA_2048';
  /** DescribeKey is denied. */
  readonly hidden: boolean;
}

export interface SimInstance {
  readonly id: string;
  readonly imageId: string;
  readonly tags: Tags;
  readonly launchedAt: number;
}

export interface SimTemplate {
  readonly id: string;
  readonly name: string;
  /** The image of each version, from version 1 on. */
  readonly versions: readonly string[];
  /** When each was made. */
  readonly madeAt: readonly number[];
}

export interface SimParameter {
  readonly name: string;
  readonly dataType: string;
  readonly description: string;
  readonly tags: Tags;
  /** Each with when it is first seen: what is checked is not seen before. */
  readonly versions: { readonly value: string; readonly version: number; readonly seenAt: number }[];
}

/** A report on who uses an image, as it will be when it is done. */
export interface SimUsageReport {
  readonly id: string;
  readonly imageId: string;
  readonly createdAt: number;
  readonly readyAt: number;
  /** Empty: all accounts. */
  readonly accounts: readonly string[];
  /** `depth`: how many versions of each launch template, as it was asked for. */
  readonly types: readonly { readonly name: string; readonly depth?: number }[];
  /** Why it could not be made. */
  readonly failure?: string;
  readonly entries: readonly { readonly account: string; readonly type: string; readonly count: number }[];
  readonly tags: Tags;
}

/** Everything in one account and region. */
export interface Place {
  readonly account: string;
  readonly region: string;
  /** Ids and delays of what is made here: they do not depend on what happens elsewhere, nor on reads. */
  readonly random: Random;
  /** How long writes stay unseen. */
  readonly lags: Random;
  readonly images: Map<string, SimImage>;
  readonly snapshots: Map<string, SimSnapshot>;
  readonly pendingImages: Map<string, PendingImage>;
  readonly pendingSnapshots: Map<string, PendingSnapshot>;
  /** What a ClientToken was used for. */
  readonly tokens: Map<string, { readonly fingerprint: string; readonly imageId: string }>;
  readonly instances: SimInstance[];
  readonly templates: SimTemplate[];
  readonly usageReports: Map<string, SimUsageReport>;
  readonly parameters: Map<string, SimParameter>;
  readonly keys: readonly SimKey[];
  /** Deregistered images that can still be restored, by id: since when. */
  readonly bin: Map<string, { readonly image: SimImage; readonly enteredAt: number }>;
  readonly binDays: number | undefined;
  /** The same for snapshots that were deleted: their rules are others. */
  readonly snapshotBin: Map<string, { readonly snapshot: SimSnapshot; readonly enteredAt: number }>;
  readonly snapshotBinDays: number | undefined;
  readonly encryptByDefault: boolean;
  /** Of other accounts' images, those that are allowed here. */
  readonly allowedImages: {
    readonly state: 'disabled' | 'audit-mode' | 'enabled';
    readonly providers: readonly string[];
  };
  readonly defaultKey: string;
  /** Since when images may not be made public; undefined: they may. */
  publicBlockedFrom: number | undefined;
}

/** Public images are deprecated by themselves two years after their creation; that can only be moved forward. */
export const TWO_YEARS_MS = 731 * 86_400_000;

/** What is left of a deregistered image after this is nothing: asking for it by id is an error then. */
export const FORGOTTEN_AFTER_MS = 60 * 60_000;

/** The deregistration protection of an image: one that was switched off goes on for its cooldown. */
export function protectionOf(image: SimImage, now: number): string {
  const until = /^disabled after (.+)$/.exec(image.protection)?.[1];
  return until !== undefined && Date.parse(until) <= now ? 'disabled' : image.protection;
}
