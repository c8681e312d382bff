import type { Permit } from '../aws/permit.ts';
import type { Priority } from '../aws/priority.ts';
import type { Ceiling, RateBudget } from '../aws/rate-budget.ts';
import type { DelayedLane } from '../policy/delay.ts';
import type { Image, Target } from '../policy/model.ts';
import type { Action } from '../policy/plan.ts';
import { type Lane, schedule } from '../policy/schedule.ts';

/** Whose actions they are, and how many copies may run. */
export interface Applicant {
  /** The policy: each gets its turn. */
  readonly flow: string;
  readonly priority: Priority;
  /** How many copies EC2 lets run into a target at a time, for everybody in the account. */
  readonly copiesInFlight: number;
  /** The images that are being made in a target. */
  readonly pending: (target: Target) => readonly Image[];
  /** Which of them were begun by this controller, for whatever policy. */
  readonly isOurs: (image: Image) => boolean;
}

/** What of a plan may be carried out now. */
export interface Admitted {
  readonly actions: readonly Action[];
  readonly delayed: readonly DelayedLane[];
  permitOf(action: Action): Permit | undefined;
  /** Gives back what was not used. */
  release(): void;
}

/** Step "schedule": takes what the rate budget has room for out of the actions that are due. */
export function admit(budget: RateBudget, due: readonly Action[], applicant: Applicant): Admitted {
  const permits = new Map<string, Permit>();
  const delays = new Map<string, DelayedLane['delay']>();
  const { now, later } = schedule(due, (lane) => {
    const { flow, priority } = applicant;
    const request = { flow, priority, wanted: lane.actions.length };
    const admission = budget.admit(lane.target, lane.action, request, ceilingOf(budget, lane, applicant));
    if (admission.delay) delays.set(nameOf(lane), admission.delay);
    lane.actions.slice(0, admission.permits.length).forEach(({ id }, index) => {
      const permit = admission.permits[index];
      if (permit) permits.set(id, permit);
    });
    return admission.permits.length;
  });
  // Some that have a permit wait for others that have none.
  const goes = new Set(now.map(({ id }) => id));
  for (const [id, permit] of permits) if (!goes.has(id)) permit.release();
  return {
    actions: now,
    delayed: later.flatMap((lane) => {
      const delay = delays.get(nameOf(lane));
      return delay ? [{ ...lane, delay }] : [];
    }),
    permitOf: ({ id }) => permits.get(id),
    release: () => {
      for (const permit of permits.values()) permit.release();
    },
  };
}

const nameOf = ({ target, action }: Lane): string => `${target.account}/${target.region} ${action}`;

/**
 * The own part of the quota is for all policies of this controller together. What others have begun, as far as it can be
 * seen, is theirs, as long as the whole quota is not exceeded; the rest of the quota is for what cannot be seen.
 */
function ceilingOf(
  budget: RateBudget,
  { target, action }: Lane,
  { copiesInFlight, pending, isOurs }: Applicant,
): Ceiling | undefined {
  if (action !== 'CopyImage') return undefined;
  const all = pending(target);
  const running = all.filter(isOurs).length;
  const ofOthers = all.length - running;
  const part = Math.max(1, Math.floor(copiesInFlight * budget.share));
  return { most: Math.max(0, Math.min(part, copiesInFlight - ofOthers)), running };
}
