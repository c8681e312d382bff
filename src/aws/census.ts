import { hasIdentity } from '../policy/identity.ts';
import type { Image, Snapshot, Tags } from '../policy/model.ts';
import { TAG } from '../policy/tags.ts';

/** How much of a cluster there is in a target. */
export interface Census {
  /** Copies that policies made or took over, those that are under way included. */
  readonly images: number;
  /** Copies that are under way. */
  readonly copying: number;
  /** The sizes of the snapshots that are being written for them, added up, in GiB. */
  readonly copyingGiB: number;
  /** When the first of them was begun, milliseconds since the epoch; undefined: none is under way. */
  readonly copyingSince?: number;
}

/** Counts what a listing shows of a cluster. */
export function censusOf(images: Iterable<Image>, snapshots: Iterable<Snapshot>, cluster: string): Census {
  const isOurs = (tags: Tags): boolean => tags[TAG.cluster] === cluster && hasIdentity(tags);
  let [count, copying, copyingGiB] = [0, 0, 0];
  let copyingSince: number | undefined;
  for (const { tags, state, createdAt } of images) {
    if (!isOurs(tags) || state === 'deregistered') continue;
    count++;
    if (state !== 'pending') continue;
    copying++;
    copyingSince = Math.min(copyingSince ?? createdAt, createdAt);
  }
  for (const { tags, state, sizeGiB } of snapshots) if (state === 'pending' && isOurs(tags)) copyingGiB += sizeGiB;
  return { images: count, copying, copyingGiB, ...(copyingSince !== undefined && { copyingSince }) };
}
