import PQueue from 'p-queue';
import type { Failure } from '../policy/failure.ts';
import type { Target } from '../policy/model.ts';
import type { Action } from '../policy/plan.ts';
import { AwsError } from './aws-error.ts';
import { CalledOff, performCall } from './calls.ts';
import type { OpenTarget } from './inventories.ts';

/** What the executor asks of whoever owns the plan. */
export interface Execution {
  /** The open target of an action. */
  readonly open: (target: Target) => OpenTarget;
  /**
   * Reads the policy once more, live, before what cannot be undone. Returns why the action must not be carried out any
   * more, or undefined when it may.
   */
  readonly confirm: (action: Action) => Promise<string | undefined>;
  /** Aborted: nothing new is started, and what is in hand is finished. */
  readonly stop: AbortSignal;
}

/** What became of the actions of a plan. */
export interface Executed {
  readonly done: readonly Action[];
  readonly failures: readonly Failure[];
}

/** Calls of one plan that are under way at a time; the rate budget slows them down further. */
const CONCURRENCY = 16;

/**
 * Carries out actions: each when all that it needs has succeeded and all that it follows has ended. One that fails takes
 * only its dependents with it.
 */
export async function execute(actions: readonly Action[], execution: Execution): Promise<Executed> {
  const queue = new PQueue({ concurrency: CONCURRENCY });
  const known = new Set(actions.map(({ id }) => id));
  const results = new Map<string, Promise<boolean>>();
  const done: Action[] = [];
  const failures: Failure[] = [];

  const run = async (action: Action): Promise<boolean> => {
    // Planned elsewhere and done: an id that is not in this list was withheld or is older.
    const needs = await Promise.all(action.needs.filter((id) => known.has(id)).map((id) => results.get(id)));
    await Promise.all(action.follows.map((id) => results.get(id)));
    if (needs.includes(false)) return false;
    return await queue.add(async () => {
      if (execution.stop.aborted) return false;
      const failure = await attempt(action, execution);
      if (failure) failures.push(failure);
      else done.push(action);
      return failure === undefined;
    });
  };
  // In the order of the plan, in which needs come first.
  for (const action of actions) results.set(action.id, run(action));
  await Promise.all(results.values());
  return { done, failures };
}

async function attempt(action: Action, execution: Execution): Promise<Failure | undefined> {
  try {
    if (action.destroys || action.kind === 'TakeOver') {
      const objection = await execution.confirm(action);
      if (objection !== undefined) return { action, code: 'CalledOff', message: objection, effect: 'retries' };
    }
    await performCall(action, execution.open(action.target), execution.stop);
    return undefined;
  } catch (error) {
    return failureOf(action, error);
  }
}

function failureOf(action: Action, error: unknown): Failure {
  if (error instanceof CalledOff) return { action, code: error.code, message: error.message, effect: error.effect };
  if (error instanceof AwsError) {
    const stalls = error.class === 'refused' || error.class === 'access' || error.class === 'unsupported';
    return {
      action,
      code: error.code.replaceAll(/[^A-Za-z0-9_]/g, ''),
      message: error.message,
      effect: stalls ? 'stalls' : 'retries',
    };
  }
  return {
    action,
    code: 'Unexpected',
    message: error instanceof Error ? error.message : String(error),
    effect: 'retries',
  };
}
