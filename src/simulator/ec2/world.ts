/** The state of the simulated world. Times are milliseconds since the epoch. */

export interface Permissions {
  readonly accounts: readonly string[];
  readonly organizations: readonly string[];
  readonly organizationalUnits: readonly string[];
  readonly public: boolean;
}

export const NOBODY: Permissions = { accounts: [], organizations: [], organizationalUnits: [], public: false };

export interface SimVolume {
  readonly device: string;
  readonly snapshotId: string;
  readonly sizeGiB: number;
  readonly encrypted: boolean;
  readonly kmsKeyId?: string;
}

export type SimImageState = 'pending' | 'available' | 'failed' | 'disabled' | 'deregistered';

export interface SimImage {
  readonly id: string;
  readonly account: string;
  readonly region: string;
  readonly name: string;
  readonly description: string;
  readonly state: SimImageState;
  readonly stateReason?: string;
  readonly createdAt: number;
  readonly architecture: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly permissions: Permissions;
  readonly volumes: readonly SimVolume[];
  readonly deprecationTime?: number;
  readonly protection: string;
  readonly lastLaunchedAt?: number;
  readonly sourceImageId?: string;
  readonly sourceRegion?: string;
  readonly productCodes: readonly string[];
  readonly deregisteredAt?: number;
}

export interface SimSnapshot {
  readonly id: string;
  readonly account: string;
  readonly region: string;
  readonly state: 'pending' | 'completed' | 'error';
  readonly startedAt: number;
  /** When a pending one is complete. */
  readonly completesAt: number;
  readonly description: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly sizeGiB: number;
  readonly encrypted: boolean;
  readonly kmsKeyId?: string;
  /** Accounts that may create volumes from it; `all` for everyone. */
  readonly permissions: readonly string[];
  readonly deleted: boolean;
}

/** A copy under way. */
export interface PendingCopy {
  readonly imageId: string;
  readonly endsAt: number;
  /** Why it will fail; undefined when it will not. */
  readonly failure?: string;
}

export interface SimKey {
  readonly alias: string;
  readonly arn: string;
  readonly grantsTo: readonly string[];
}

/** Everything in one account and region. */
export interface Place {
  readonly account: string;
  readonly region: string;
  readonly images: Map<string, SimImage>;
  readonly snapshots: Map<string, SimSnapshot>;
  readonly copies: Map<string, PendingCopy>;
  /** What a ClientToken was used for. */
  readonly tokens: Map<string, { readonly fingerprint: string; readonly imageId: string }>;
  readonly instances: {
    readonly id: string;
    readonly imageId: string;
    readonly tags: Readonly<Record<string, string>>;
  }[];
  readonly templates: { readonly id: string; readonly name: string; readonly imageId: string }[];
  readonly keys: SimKey[];
  /** Deregistered images that can still be restored, by id: since when. */
  readonly bin: Map<string, { readonly image: SimImage; readonly enteredAt: number }>;
  encryptByDefault: boolean;
  defaultKey: string;
  binDays: number | undefined;
}

/** What is left of a deregistered image after this is nothing: asking for it by id is an error then. */
export const FORGOTTEN_AFTER_MS = 60 * 60_000;
