import {
  DeleteSnapshotCommand,
  type DeleteSnapshotReturnCode,
  DeregisterImageCommand,
  DisableImageCommand,
} from '@aws-sdk/client-ec2';
import { describe, isNothing, without } from '../policy/launch-grants.ts';
import { type Image, type LaunchGrants, NO_GRANTS, type Snapshot } from '../policy/model.ts';
import type { CallOf, Destruction } from '../policy/plan.ts';
import { TAG } from '../policy/tags.ts';
import type { CallOptions } from './aws-clients.ts';
import { AwsError } from './aws-error.ts';
import { CalledOff } from './called-off.ts';
import type { OpenTarget } from './inventories.ts';
import { describeImages, describeSnapshots } from './listing.ts';
import { undoOf } from './recycle-bin.ts';

/**
 * Deregisters an image, after a last look at it, at who may launch it, and at the snapshots that are to go with it.
 * @returns what is to be said of it beside its reason
 */
export async function deregister(
  call: CallOf<'deregister'>,
  destroys: Destruction | undefined,
  { ec2, inventory }: OpenTarget,
  options: CallOptions,
): Promise<string | undefined> {
  const id = call.imageId;
  const fresh = await lookAgain(id, destroys, { ec2, inventory }, options);
  const withSnapshots = await mayGoAlong(call.withSnapshots ?? [], fresh, { ec2, inventory }, options);
  let results: readonly DeleteSnapshotReturnCode[] = [];
  try {
    const answer = await ec2.send(
      new DeregisterImageCommand({ ImageId: id, ...(withSnapshots && { DeleteAssociatedSnapshots: true }) }),
    );
    results = answer.DeleteSnapshotResults ?? [];
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    // Somebody was faster: an image that was deregistered is `Unavailable` first.
    const isGone = error.class === 'notFound' || error.code === 'InvalidAMIID.Unavailable';
    if (!isGone) throw asRestraint(error, id) ?? error;
  }
  inventory.overlay.removed(id);
  const left = snapshotsLeft(results, inventory);
  const undo = fresh.state === 'failed' || fresh.state === 'pending' ? undefined : await undoOf(ec2, id, options);
  return [left, undo].filter((each) => each !== undefined).join('; ') || undefined;
}

/**
 * Whether the snapshots that were to go with their image still are the ones it has, with nothing written on them since.
 * If not they follow by themselves, each looked at anew.
 */
async function mayGoAlong(
  planned: readonly string[],
  { volumes }: Image,
  { ec2, inventory }: Pick<OpenTarget, 'ec2' | 'inventory'>,
  options: CallOptions,
): Promise<boolean> {
  const used = volumes.flatMap(({ snapshotId }) => snapshotId ?? []);
  if (used.length === 0 || !used.every((id) => planned.includes(id))) return false;
  const fresh = await describeSnapshots(ec2, [{ Name: 'snapshot-id', Values: used }], options);
  return used.every((id) => {
    const snapshot = fresh.get(id);
    return snapshot !== undefined && !isOtherThan(inventory.snapshot(id), snapshot);
  });
}

/**
 * HTTP 200 with snapshots that could not be deleted is nothing unusual (ec2-facts 8.1): only `success` counts. Whatever
 * else EC2 says, or leaves out, stays with its mark and is deleted by itself, which tells what is in the way.
 */
function snapshotsLeft(
  results: readonly DeleteSnapshotReturnCode[],
  { overlay }: OpenTarget['inventory'],
): string | undefined {
  const left: string[] = [];
  for (const { SnapshotId, ReturnCode } of results) {
    if (SnapshotId === undefined) continue;
    if (ReturnCode === 'success') overlay.removed(SnapshotId);
    else left.push(`${SnapshotId} (${ReturnCode})`);
  }
  return left.length === 0 ? undefined : `not yet gone with it: ${left.toSorted().join(', ')}`;
}

/** Disables an image, after the same last look: nobody can launch it then, and its launch permissions are lost. */
export async function disable(
  call: CallOf<'disable'>,
  destroys: Destruction | undefined,
  { ec2, inventory }: OpenTarget,
  options: CallOptions,
): Promise<void> {
  await lookAgain(call.imageId, destroys, { ec2, inventory }, options);
  await ec2.send(new DisableImageCommand({ ImageId: call.imageId }));
  inventory.overlay.imageChanged(call.imageId, { state: 'disabled' });
  inventory.overlay.launchChanged(call.imageId, NO_GRANTS, knownGrants(inventory, call.imageId));
}

/**
 * @returns the image as it is now
 * @throws CalledOff when it is not as it was when this was planned
 */
async function lookAgain(
  id: string,
  destroys: Destruction | undefined,
  { ec2, inventory }: Pick<OpenTarget, 'ec2' | 'inventory'>,
  options: CallOptions,
): Promise<Image> {
  const fresh = (await describeImages(ec2, [{ Name: 'image-id', Values: [id] }], options)).get(id);
  if (!fresh) throw new CalledOff('NotVisible', `${id} is not shown any more; it is looked at again`);
  const planned = inventory.image(id);
  const objection = changedSince(planned, fresh, destroys) ?? (await sharedSince({ ec2, inventory }, fresh, options));
  if (objection !== undefined)
    throw new CalledOff('ImageChanged', `${id} ${objection} since this was planned; it is decided again`);
  return fresh;
}

/** The tags that tell whose an image or snapshot is. */
const IDENTITY = [TAG.claimedBy, TAG.policyUid, TAG.cluster, TAG.sourceImage, TAG.sourceAccount, TAG.sourceRegion];

/** What about an image speaks against removing it that was not so when it was planned. */
function changedSince(planned: Image | undefined, fresh: Image, destroys: Destruction | undefined): string | undefined {
  if (!planned) return 'was not in the listing';
  for (const key of IDENTITY) {
    if (fresh.tags[key] !== planned.tags[key]) return `carries another tag ${key}`;
  }
  if (fresh.tags[TAG.hold] !== planned.tags[TAG.hold]) return 'carries a hold';
  if (fresh.protection !== planned.protection) return 'got another deregistration protection';
  if (destroys && fresh.state !== destroys.state) return `became ${fresh.state}`;
  if ((fresh.lastLaunchedAt ?? 0) > (planned.lastLaunchedAt ?? 0)) return 'was launched';
  return undefined;
}

const knownGrants = (inventory: OpenTarget['inventory'], id: string): LaunchGrants => {
  const answer = inventory.view().launchGrants.get(id);
  return answer?.ok ? answer.value : NO_GRANTS;
};

/**
 * Who may launch it was asked a while ago perhaps, and the evidence is about those. The answer is remembered, so that
 * the next plan knows.
 */
async function sharedSince(
  { ec2, inventory }: Pick<OpenTarget, 'ec2' | 'inventory'>,
  { id, state }: Image,
  options: CallOptions,
): Promise<string | undefined> {
  if (state !== 'available') return undefined;
  const known = knownGrants(inventory, id);
  await inventory.fetch({ kind: 'launchGrants', target: ec2.target, imageId: id }, options);
  const answer = inventory.view().launchGrants.get(id);
  if (!answer?.ok) return 'has launch permissions that could not be read';
  const more = without(answer.value, known);
  return isNothing(more) ? undefined : `was shared with ${describe(more)}`;
}

/** Whether something that counts was written on a snapshot since it was planned to go. */
const isOtherThan = (planned: Snapshot | undefined, fresh: Snapshot): boolean =>
  IDENTITY.some((key) => fresh.tags[key] !== planned?.tags[key]) ||
  fresh.tags[TAG.kept] !== undefined ||
  fresh.tags[TAG.hold] !== undefined;

/**
 * Deletes a snapshot, after a last look at it and at who uses it.
 * @returns what is to be said of it beside its reason
 */
export async function deleteSnapshot(
  call: CallOf<'deleteSnapshot'>,
  { ec2, inventory }: OpenTarget,
  options: CallOptions,
): Promise<string | undefined> {
  const id = call.snapshotId;
  const users = await describeImages(ec2, [{ Name: 'block-device-mapping.snapshot-id', Values: [id] }], options);
  const user = users
    .values()
    .find((image) => image.state !== 'deregistered' && image.volumes.some(({ snapshotId }) => snapshotId === id));
  if (user)
    throw new CalledOff(
      'SnapshotInUse',
      `kept: ${id} is used by ${user.id}`,
      user.id === call.of ? 'retries' : 'keeps',
    );
  const fresh = (await describeSnapshots(ec2, [{ Name: 'snapshot-id', Values: [id] }], options)).get(id);
  if (fresh && isOtherThan(inventory.snapshot(id), fresh)) {
    throw new CalledOff('SnapshotChanged', `${id} carries other tags since this was planned; it is decided again`);
  }
  try {
    await ec2.send(new DeleteSnapshotCommand({ SnapshotId: id }));
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    if (error.code === 'InvalidSnapshot.InUse') {
      // Right after its image went EC2 refuses for a while; for another image it refuses for good.
      const named = /in use by (ami-[0-9a-f]+)/.exec(error.message)?.[1];
      if (named !== undefined && named !== call.of)
        throw new CalledOff('SnapshotInUse', `kept: ${id} is used by ${named}`, 'keeps');
      throw new CalledOff('SnapshotInUse', `${id} cannot be deleted yet: ${error.message}`);
    }
    if (error.class !== 'notFound') throw asRestraint(error, id) ?? error;
  }
  inventory.overlay.removed(id);
  return await undoOf(ec2, id, options);
}

/** A refusal that lasts because of what others have done with an image or snapshot, and that no listing has told of. */
function asRestraint({ class: kind, message }: AwsError, id: string): CalledOff | undefined {
  if (kind !== 'refused') return undefined;
  if (/AWS Backup/.test(message))
    return new CalledOff('ManagedByOther', `kept: AWS Backup manages ${id}. Delete its recovery point there`, 'keeps');
  // ec2-facts 8.2: which code EC2 has for it is not known.
  if (/\block(ed)?\b/i.test(message))
    return new CalledOff(
      'SnapshotLocked',
      `kept: ${id} is locked, says EC2: ${message}. Allow ec2:DescribeLockedSnapshots to see until when`,
      'keeps',
    );
  return undefined;
}
