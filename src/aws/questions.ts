import {
  type AllowedImages,
  type Answer,
  type Binned,
  type EncryptionDefaults,
  type Image,
  type Key,
  type LaunchGrants,
  type Need,
  type OwnParameter,
  type Parameter,
  type References,
  type SnapshotLock,
  type UsageReport,
} from '../policy/model.ts';
import { readAllowedImages } from './allowed-images.ts';
import type { CallOptions, TargetServices } from './aws-clients.ts';
import { readEncryption, readKey, readPublicBlocked, readSnapshotKey } from './encryption-settings.ts';
import { listMadeFrom } from './listing.ts';
import { listOwnParameters, readDescription, readParameter } from './parameters.ts';
import { readLaunchGrants, readVolumeGrants } from './read-grants.ts';
import { readBin } from './recycle-bin.ts';
import { readReferences } from './references.ts';
import { listShared } from './shared-images.ts';
import { readLocks } from './snapshot-locks.ts';
import { readUsageReport } from './usage-reports.ts';

/** What AWS tells, by the kind of the question. Dry runs, whose answers are kept in a way of their own, are not among them. */
export interface Told {
  launchGrants: LaunchGrants;
  volumeGrants: readonly string[];
  references: References;
  usageReport: UsageReport;
  key: Key;
  snapshotKey: string;
  sharedImages: ReadonlyMap<string, Image>;
  madeFrom: readonly Image[];
  encryption: EncryptionDefaults;
  publicBlocked: boolean;
  parameter: Parameter | undefined;
  description: string | undefined;
  ownParameters: readonly OwnParameter[];
  allowedImages: AllowedImages;
  bin: ReadonlyMap<string, Binned>;
  locks: ReadonlyMap<string, SnapshotLock>;
}

export type Needs = { readonly [N in Need as N['kind']]: N };
/** Questions about one thing each, in a way that TypeScript can follow from the question to the answer. */
export type Kind = Exclude<keyof Told, 'madeFrom'>;

const READ: {
  readonly [K in Kind]: (services: TargetServices, need: Needs[K], options: CallOptions) => Promise<Told[K]>;
} = {
  launchGrants: ({ ec2 }, { imageId }, options) => readLaunchGrants(ec2, imageId, options),
  volumeGrants: ({ ec2 }, { snapshotId }, options) => readVolumeGrants(ec2, snapshotId, options),
  references: ({ ec2 }, { imageId }, options) => readReferences(ec2, imageId, options),
  usageReport: ({ ec2 }, { imageId }, options) => readUsageReport(ec2, imageId, options),
  key: ({ kms }, { key }, options) => readKey(kms, key, options),
  snapshotKey: ({ ec2 }, { snapshotId }, options) => readSnapshotKey(ec2, snapshotId, options),
  sharedImages: ({ ec2 }, { listing }, options) => listShared(ec2, listing, options),
  encryption: ({ ec2 }, _, options) => readEncryption(ec2, options),
  publicBlocked: ({ ec2 }, _, options) => readPublicBlocked(ec2, options),
  parameter: ({ ssm }, { name }, options) => readParameter(ssm, name, options),
  description: ({ ssm }, { name }, options) => readDescription(ssm, name, options),
  ownParameters: ({ ssm }, { cluster }, options) => listOwnParameters(ssm, cluster, options),
  allowedImages: ({ ec2 }, _, options) => readAllowedImages(ec2, options),
  bin: ({ ec2 }, _, options) => readBin(ec2, options),
  locks: ({ ec2 }, _, options) => readLocks(ec2, options),
};

/** Asks AWS one thing. A refusal is an answer, too. @throws the reason of the signal, and nothing else */
export const ask = <K extends Kind>(
  services: TargetServices,
  kind: K,
  need: Needs[K],
  options: CallOptions,
): Promise<Answer<Told[K]>> => answered(() => READ[kind](services, need, options), options.signal);

/** What others made of several images, by the id of each: one listing tells of all. */
export async function askMadeFrom(
  { ec2 }: TargetServices,
  { sourceIds }: Needs['madeFrom'],
  options: CallOptions,
): Promise<Map<string, Answer<readonly Image[]>>> {
  const made = await answered(() => listMadeFrom(ec2, sourceIds, options), options.signal);
  return new Map(sourceIds.map((id) => [id, made.ok ? { ok: true, value: made.value.get(id) ?? [] } : made]));
}

async function answered<T>(read: () => Promise<T>, signal: AbortSignal | undefined): Promise<Answer<T>> {
  try {
    return { ok: true, value: await read() };
  } catch (error) {
    signal?.throwIfAborted();
    return { ok: false, why: error instanceof Error ? error.message : String(error) };
  }
}
