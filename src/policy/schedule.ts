import { awsActionOf } from './aws-action.ts';
import { type Target, targetKey } from './model.ts';
import type { Action, ActionKind } from './plan.ts';

/** The actions of a plan that AWS counts together, in the order of the plan. */
export interface Lane {
  readonly target: Target;
  /** The AWS action, such as CopyImage. */
  readonly action: string;
  readonly actions: readonly Action[];
}

/** Which actions of a plan are carried out now. */
export interface Schedule {
  readonly now: readonly Action[];
  /** What has to wait in each lane that has no room for all of it. What only depends on those is not among them. */
  readonly later: readonly Lane[];
}

/**
 * How many copies of those that wait in a lane are prepared: what they need takes some seconds to become effective, and
 * their turn is not to be lost by that.
 */
const PREPARED = 32;

/** What is done for a copy alone: while that waits, nothing is lent for it, unless its turn comes soon. */
const SERVES_COPIES: ReadonlySet<ActionKind> = new Set(['ClaimSource', 'MarkTemporaryGrant', 'GrantTemporarily']);

/**
 * Takes out of a plan what there is room for now. In each lane the first ones go, in the order of the plan, so that older
 * versions stay first; what needs or follows something that waits, waits too.
 * @param room how many actions of a lane may be carried out now; it is asked once for each lane, copies first
 */
export function schedule(actions: readonly Action[], room: (lane: Lane) => number): Schedule {
  const held = new Set<string>();
  const later: Lane[] = [];
  const admit = (some: readonly Action[]): void => {
    for (const lane of lanesOf(some)) {
      const waiting = lane.actions.slice(room(lane));
      if (waiting.length === 0) continue;
      for (const { id } of waiting) held.add(id);
      later.push({ ...lane, actions: waiting });
    }
    holdDependents(actions, held);
  };
  const isCopy = ({ call }: Action): boolean => call.do === 'copy';
  admit(actions.filter(isCopy));
  const soon = new Set(later.flatMap((lane) => lane.actions.slice(0, PREPARED).map(({ id }) => id)));
  holdServants(actions, (id) => held.has(id) && !soon.has(id), held);
  admit(actions.filter((action) => !isCopy(action) && !held.has(action.id)));
  return { now: actions.filter(({ id }) => !held.has(id)), later };
}

/** The copies of a plan, and what they need. */
export function copiesIn(actions: readonly Action[]): readonly Action[] {
  const kept = new Set<string>();
  for (const { id, call, needs } of actions.toReversed()) {
    if (call.do === 'copy') kept.add(id);
    if (kept.has(id)) for (const need of needs) kept.add(need);
  }
  return actions.filter(({ id }) => kept.has(id));
}

function lanesOf(actions: readonly Action[]): readonly Lane[] {
  const lanes = new Map<string, { target: Target; action: string; actions: Action[] }>();
  for (const each of actions) {
    const action = awsActionOf(each.call);
    const key = `${targetKey(each.target)} ${action}`;
    const lane = lanes.get(key);
    if (lane) lane.actions.push(each);
    else lanes.set(key, { target: each.target, action, actions: [each] });
  }
  return [...lanes.values()];
}

/** Needs are planned before what needs them, so one pass over the list finds every dependent. */
function holdDependents(actions: readonly Action[], held: Set<string>): void {
  for (const { id, needs, follows } of actions)
    if (needs.some((need) => held.has(need)) || follows.some((other) => held.has(other))) held.add(id);
}

/** In the opposite order, what serves only what is far from its turn. */
function holdServants(actions: readonly Action[], isFar: (id: string) => boolean, held: Set<string>): void {
  const served = new Set(actions.flatMap(({ needs }) => needs));
  const inUse = new Set<string>();
  for (const { id, kind, needs } of actions.toReversed()) {
    if (SERVES_COPIES.has(kind) && served.has(id) && !inUse.has(id)) held.add(id);
    if (!isFar(id)) for (const need of needs) inUse.add(need);
  }
}
