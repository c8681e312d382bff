import type { EbsBlockDevice, LaunchPermission, Image as SdkImage, Snapshot as SdkSnapshot } from '@aws-sdk/client-ec2';
import type { Image, ImageState, LaunchGrants, Snapshot, Volume } from '../policy/model.ts';
import { Interner } from './interner.ts';

/**
 * An image as decisions see it; undefined when it has no id.
 * @param interner keeps once what several images have in common
 */
export function imageFrom(image: SdkImage, interner: Interner = new Interner()): Image | undefined {
  if (!image.ImageId) return undefined;
  const created = timeOf(image.CreationDate);
  const launched = timeOf(image.LastLaunchedTime);
  const deprecates = timeOf(image.DeprecationTime);
  const productCodes = (image.ProductCodes ?? []).flatMap(({ ProductCodeId }) => ProductCodeId ?? []);
  return {
    id: image.ImageId,
    name: interner.text(image.Name ?? ''),
    description: interner.text(image.Description ?? ''),
    state: stateFrom(image.State, created),
    ...(image.StateReason?.Message && { stateReason: image.StateReason.Message }),
    createdAt: created ?? 0,
    architecture: interner.text(image.Architecture ?? ''),
    tags: interner.tags(image.Tags),
    volumes: (image.BlockDeviceMappings ?? []).flatMap(({ Ebs }) => (Ebs ? volumeFrom(Ebs) : [])),
    ...(launched !== undefined && { lastLaunchedAt: launched }),
    ...(image.Public === true && { public: true as const }),
    ...(deprecates !== undefined && { deprecatesAt: deprecates }),
    protection: interner.text(image.DeregistrationProtection || 'disabled'),
    ...(productCodes.length > 0 && { productCodes }),
    ...(image.SourceImageId && { madeFrom: interner.text(image.SourceImageId) }),
  };
}

const volumeFrom = ({ SnapshotId, VolumeSize = 0, Encrypted = false }: EbsBlockDevice): Volume => ({
  ...(SnapshotId && { snapshotId: SnapshotId }),
  sizeGiB: VolumeSize,
  encrypted: Encrypted,
});

/**
 * A snapshot as decisions see it; undefined when it has no id.
 * @param interner keeps once what several snapshots have in common
 */
export function snapshotFrom(snapshot: SdkSnapshot, interner: Interner = new Interner()): Snapshot | undefined {
  if (!snapshot.SnapshotId) return undefined;
  return {
    id: snapshot.SnapshotId,
    state: interner.text(snapshot.State ?? 'pending'),
    progress: Number.parseInt(snapshot.Progress ?? '0', 10) || 0,
    description: snapshot.Description ?? '',
    tags: interner.tags(snapshot.Tags),
    sizeGiB: snapshot.VolumeSize ?? 0,
    encrypted: snapshot.Encrypted ?? false,
    ...(snapshot.KmsKeyId && { kmsKeyId: interner.text(snapshot.KmsKeyId) }),
    ...(snapshot.StateMessage && { stateMessage: snapshot.StateMessage }),
    startedAt: snapshot.StartTime?.getTime() ?? 0,
    ...(snapshot.StorageTier === 'archive' && { archived: true as const }),
  };
}

/** Launch permissions, sorted; the owner is never among them. */
export function grantsFrom(permissions: readonly LaunchPermission[] | undefined): LaunchGrants {
  const all = permissions ?? [];
  const some = (read: (permission: LaunchPermission) => string | undefined): string[] =>
    all.flatMap((permission) => read(permission) ?? []).sort();
  return {
    accounts: some(({ UserId }) => UserId),
    organizations: some(({ OrganizationArn }) => OrganizationArn),
    organizationalUnits: some(({ OrganizationalUnitArn }) => OrganizationalUnitArn),
    public: all.some(({ Group }) => Group === 'all'),
  };
}

const STATES: ReadonlySet<string> = new Set<ImageState>([
  'pending',
  'available',
  'failed',
  'disabled',
  'deregistered',
  'invalid',
  'error',
  'transient',
]);

/**
 * A state that this program does not know is one to leave alone, and so is a finished image without a date: it would
 * count as the oldest of all, and be the first to go (S14).
 */
function stateFrom(state: string | undefined, created: number | undefined): ImageState {
  if (state === undefined || !STATES.has(state)) return 'transient';
  if (created === undefined && (state === 'available' || state === 'disabled')) return 'transient';
  return state as ImageState;
}

function timeOf(text: string | undefined): number | undefined {
  const time = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}
