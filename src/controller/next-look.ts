import { type Owner, ownershipOf } from '../policy/identity.ts';
import { indexOf } from '../policy/image-index.ts';
import { DAY_MS, type Snapshot, type TargetView } from '../policy/model.ts';
import type { Plan } from '../policy/plan.ts';
import { snapshotIndexOf } from '../policy/snapshot-index.ts';

const SHORTEST_POLL_MS = 3000;
const LONGEST_POLL_MS = 60_000;
/** While nothing better is known, a copy is seen to be ready at most this part of its time later than it is. */
const POLL_PART = 1 / 20;
/** Marks, claims and leftovers: what EC2 will show in a moment. */
const SETTLE_POLL_MS = 3000;

/**
 * When to look at a policy again before the next resync: milliseconds from now, or undefined. Copies take minutes to
 * hours, so the polls grow with the age of the youngest one, from 3 seconds to a minute; but one that will be ready sooner,
 * by the progress of its snapshots, is looked at when it is.
 */
export function nextLook(plan: Plan, views: Iterable<TargetView>, owner: Owner, now: number): number | undefined {
  const due = nextDue(plan, views, owner, now);
  const settles =
    plan.needs.length > 0 ||
    (pollOf(views, owner, now) === undefined && plan.waits.some(({ until, behind }) => until === undefined && !behind));
  return settles ? Math.min(SETTLE_POLL_MS, due ?? SETTLE_POLL_MS) : due;
}

/** The same for a policy of which something has failed: what must only settle does not make up for that. */
export function nextDue(plan: Plan, views: Iterable<TargetView>, owner: Owner, now: number): number | undefined {
  const delays = plan.waits.flatMap(({ until, behind }) =>
    until === undefined || behind ? [] : [Math.max(until - now, 1000)],
  );
  const poll = pollOf(views, owner, now);
  if (poll !== undefined) delays.push(poll);
  return delays.length === 0 ? undefined : Math.min(...delays, DAY_MS);
}

/** When to look at the copies that are under way; undefined when there are none. */
function pollOf(views: Iterable<TargetView>, owner: Owner, now: number): number | undefined {
  let poll: number | undefined;
  for (const view of views) {
    if (view.kind !== 'observed') continue;
    const { images, snapshots } = view.inventory;
    for (const image of indexOf(images).unfinished) {
      if (image.state !== 'pending' || ownershipOf(image.tags, owner).kind !== 'ours') continue;
      const wait = waitFor(snapshotIndexOf(snapshots).madeFor(image.id), now);
      poll = Math.min(poll ?? LONGEST_POLL_MS, Math.max(wait, SHORTEST_POLL_MS));
    }
  }
  return poll;
}

/** The snapshots of one copy are ready at about the same pace; the one that has the longest way to go counts. */
function waitFor(snapshots: readonly Snapshot[], now: number): number {
  const age = Math.max(0, ...snapshots.map(({ startedAt }) => now - startedAt));
  const left = snapshots.map(({ startedAt, progress }) =>
    progress > 0 ? ((now - startedAt) * (100 - progress)) / progress : Number.POSITIVE_INFINITY,
  );
  return Math.min(age * POLL_PART, Math.max(0, ...left));
}
