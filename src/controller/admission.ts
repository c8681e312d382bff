import type { OpenTarget } from '../aws/inventories.ts';
import type { Permit } from '../aws/permit.ts';
import type { Priority } from '../aws/priority.ts';
import type { RateBudget } from '../aws/rate-budget.ts';
import type { DelayedLane } from '../policy/delay.ts';
import type { Target } from '../policy/model.ts';
import type { Action } from '../policy/plan.ts';
import { type Lane, schedule } from '../policy/schedule.ts';

/** Whose actions they are, and how many copies may run. */
export interface Applicant {
  /** The policy: each gets its turn. */
  readonly flow: string;
  readonly priority: Priority;
  /** How many copies EC2 lets run into a target at a time, for everybody in the account. */
  readonly copiesInFlight: number;
  readonly open: (target: Target) => OpenTarget;
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

/** All policies together, and whatever others copy with our tags; what we do not see is what the rest of the quota is for. */
function ceilingOf(
  budget: RateBudget,
  { target, action }: Lane,
  { copiesInFlight, open }: Applicant,
): { readonly most: number; readonly running: number } | undefined {
  if (action !== 'CopyImage') return undefined;
  return {
    most: Math.max(1, Math.floor(copiesInFlight * budget.share)),
    running: open(target).inventory.copiesUnderWay,
  };
}
