import type { Action, Blocked, Plan, Wait } from './plan.ts';
import { partOf } from './restrictions.ts';
import type { Lane } from './schedule.ts';

/** Why actions that are due have to wait for AWS. */
export type Delay =
  /** For their turn: this program makes `perSecond` such calls a second. */
  | { readonly because: 'rate'; readonly afterMs: number; readonly perSecond: number }
  /** Until some of the copies that are under way have ended. */
  | { readonly because: 'ceiling'; readonly afterMs: number }
  /** AWS refuses these calls at present. */
  | { readonly because: 'refused'; readonly afterMs: number };

/** What waits in a lane, and why. */
export interface DelayedLane extends Lane {
  readonly delay: Delay;
}

/** A plan that says of what waits in it why it does, and when to look again. */
export function withDelays(
  plan: Plan,
  delayed: readonly DelayedLane[],
  { now, deleting }: { readonly now: number; readonly deleting: boolean },
): Plan {
  if (delayed.length === 0) return plan;
  const waits: Wait[] = [];
  const blocked: Blocked[] = [];
  for (const { target, action, actions, delay } of delayed) {
    const [first] = actions;
    if (!first) continue;
    const where = { part: partOf(first, deleting), subject: subjectOf(actions), target };
    const message = whyOf(action, delay);
    waits.push({ ...where, message, until: now + delay.afterMs });
    if (delay.because === 'refused') {
      blocked.push({ ...where, code: 'RequestLimitExceeded', message, effect: 'retries' });
    }
  }
  return { ...plan, waits: [...plan.waits, ...waits], blocked: [...plan.blocked, ...blocked] };
}

function subjectOf(actions: readonly Action[]): string {
  const [first] = actions;
  if (actions.length === 1 && first) return first.subject;
  return `${actions.length} ${first?.kind === 'CopyImage' ? 'copies' : 'actions'}`;
}

function whyOf(action: string, delay: Delay): string {
  if (delay.because === 'rate') {
    const rate = Number(delay.perSecond.toPrecision(3));
    return `waiting for their turn: ${rate} ${action} calls a second are made there, the part of what AWS allows that is for this program`;
  }
  return delay.because === 'ceiling'
    ? 'copies are under way there, as many as EC2 allows at a time less the room that is left for others; the next begin when these end'
    : `AWS answers RequestLimitExceeded to ${action}, because too many calls are made in the account. It is tried again, more slowly each time until one passes. Look who else uses the account, or ask AWS for a higher limit`;
}
