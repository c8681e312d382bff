import { type Owner, ownershipOf } from '../policy/identity.ts';
import { indexOf } from '../policy/image-index.ts';
import { DAY_MS, type TargetView } from '../policy/model.ts';
import type { Plan } from '../policy/plan.ts';
import { snapshotIndexOf } from '../policy/snapshot-index.ts';

const FIRST_POLL_MS = 5000;
const LONGEST_POLL_MS = 60_000;
/** Marks, claims and leftovers: what EC2 will show in a moment. */
const SETTLE_POLL_MS = 3000;

/**
 * When to look at a policy again before the next resync: milliseconds from now, or undefined. Copies take minutes to
 * hours, so the polls grow with the age of the youngest one, from 5 seconds to a minute.
 */
export function nextLook(plan: Plan, views: Iterable<TargetView>, owner: Owner, now: number): number | undefined {
  const due = nextDue(plan, views, owner, now);
  const youngest = youngestPending(views, owner, now);
  const settles =
    plan.needs.length > 0 ||
    (youngest === undefined && plan.waits.some(({ until, behind }) => until === undefined && !behind));
  return settles ? Math.min(SETTLE_POLL_MS, due ?? SETTLE_POLL_MS) : due;
}

/** The same for a policy of which something has failed: what must only settle does not make up for that. */
export function nextDue(plan: Plan, views: Iterable<TargetView>, owner: Owner, now: number): number | undefined {
  const delays = plan.waits.flatMap(({ until, behind }) =>
    until === undefined || behind ? [] : [Math.max(until - now, 1000)],
  );
  const youngest = youngestPending(views, owner, now);
  if (youngest !== undefined) delays.push(Math.min(Math.max(youngest / 6, FIRST_POLL_MS), LONGEST_POLL_MS));
  return delays.length === 0 ? undefined : Math.min(...delays, DAY_MS);
}

function youngestPending(views: Iterable<TargetView>, owner: Owner, now: number): number | undefined {
  let youngest: number | undefined;
  for (const view of views) {
    if (view.kind !== 'observed') continue;
    const { images, snapshots } = view.inventory;
    for (const image of indexOf(images).unfinished) {
      if (image.state !== 'pending' || ownershipOf(image.tags, owner).kind !== 'ours') continue;
      const started = snapshotIndexOf(snapshots).madeFor(image.id).at(-1)?.startedAt;
      const age = Math.max(0, now - (started ?? now));
      youngest = Math.min(youngest ?? age, age);
    }
  }
  return youngest;
}
