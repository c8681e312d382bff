import type { Call } from './call.ts';
import { Refusal, snapshotNotFound } from './refusal.ts';
import type { SimSnapshot } from './world.ts';

/** @throws Refusal InvalidSnapshotID.Malformed */
export function checkSnapshotId(id: string): void {
  if (!/^snap-[0-9a-f]{8,17}$/.test(id))
    throw new Refusal('InvalidSnapshotID.Malformed', `Invalid id: "${id}" (expecting "snap-...")`);
}

/** Whether an account may make volumes and copies of a snapshot. */
export const mayUse = ({ account, permissions }: SimSnapshot, user: string): boolean =>
  account === user || permissions.includes(user) || permissions.includes('all');

/** @throws Refusal when there is none, or it is not the caller's */
export function ownSnapshot(call: Call, id: string): SimSnapshot {
  checkSnapshotId(id);
  const { world, place } = call;
  const own = place.snapshots.get(id);
  if (own && !own.deleted && world.seenSnapshot(id)) return own;
  const foreign = own ? undefined : world.seenSnapshot(id);
  if (foreign?.region === place.region && !foreign.deleted && mayUse(foreign, place.account))
    throw new Refusal('AuthFailure', `Not authorized for snapshot:${id}`, 401);
  throw snapshotNotFound(id);
}
