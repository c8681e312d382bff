import type { Failure } from '../policy/failure.ts';
import { targetKey } from '../policy/model.ts';
import type { Action } from '../policy/plan.ts';

/** What an event says, before it is addressed. */
export interface PolicyEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly action: string;
  readonly note: string;
}

/** Kinds that are only bookkeeping: they are in status and logs, and would drown what people look for. */
const QUIET: ReadonlySet<Action['kind']> = new Set([
  'Tag',
  'MarkTemporaryGrant',
  'UnmarkTemporaryGrant',
  'MarkForDeletion',
  'MarkStage',
  'RequestUsageReport',
  'ClaimSource',
]);

/** One event for each kind of action, however many images and targets it is about: what is said too often is not heard. */
export function eventsOf(done: readonly Action[], failures: readonly Failure[]): PolicyEvent[] {
  const events: PolicyEvent[] = [];
  const loud = done.filter(({ kind }) => !QUIET.has(kind));
  for (const group of Map.groupBy(loud, ({ kind }) => kind).values()) {
    const first = group[0] as Action;
    events.push({
      type: 'Normal',
      reason: first.kind,
      action: first.kind,
      note: `${subjects(group)} in ${places(group)}: ${first.reason}`,
    });
  }
  const loudFailures = failures.filter(({ effect }) => effect !== 'keeps');
  for (const group of Map.groupBy(loudFailures, ({ code, action }) => `${code} ${targetKey(action.target)}`).values()) {
    const first = group[0] as Failure;
    events.push({
      type: 'Warning',
      reason: first.code,
      action: first.action.kind,
      note: `${first.action.kind} of ${subjects(group.map(({ action }) => action))} in ${targetKey(first.action.target)}: ${first.message}`,
    });
  }
  return events;
}

function places(actions: readonly Action[]): string {
  const keys = [...new Set(actions.map(({ target }) => targetKey(target)))];
  return keys.length <= 2 ? keys.join(' and ') : `${keys.slice(0, 2).join(', ')} and ${keys.length - 2} more targets`;
}

function subjects(actions: readonly Action[]): string {
  const names = actions.map(({ subject }) => subject);
  return names.length <= 3 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;
}
