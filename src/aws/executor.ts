import PQueue from 'p-queue';
import type { Failure } from '../policy/failure.ts';
import type { Target } from '../policy/model.ts';
import type { Action } from '../policy/plan.ts';
import { type Audit, audited } from './audit.ts';
import type { CallOptions } from './aws-clients.ts';
import { AwsError } from './aws-error.ts';
import { CalledOff } from './called-off.ts';
import { performCall } from './calls.ts';
import type { OpenTarget } from './inventories.ts';
import { withPriority } from './with-priority.ts';

/** What the executor asks of whoever owns the plan. */
export interface Execution {
  /** The open target of an action. */
  readonly open: (target: Target) => OpenTarget;
  /**
   * Reads the policy once more, live, before what cannot be undone. Returns why the action must not be carried out any
   * more, or undefined when it may.
   */
  readonly confirm: (action: Action) => Promise<string | undefined>;
  /** Is told of everything that is taken away. Default: nobody is. */
  readonly audit?: Audit | undefined;
  /** Aborted: nothing new is started, and what is in hand is finished. */
  readonly stop: AbortSignal;
  /** Of all calls. Default: normal. */
  readonly priority?: CallOptions['priority'];
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
  const results = new Map<string, Promise<boolean>>();
  const done: Action[] = [];
  const failures: Failure[] = [];

  const run = async (action: Action): Promise<boolean> => {
    // What is needed and not in the list was not done: somebody took it out, and should have taken this out, too.
    const needs = await Promise.all(action.needs.map((id) => results.get(id) ?? Promise.resolve(false)));
    await Promise.all(action.follows.flatMap((id) => results.get(id) ?? []));
    if (needs.includes(false)) return false;
    return await queue.add(async () => {
      if (execution.stop.aborted) return false;
      const outcome = await attempt(action, execution);
      if (outcome === 'done') done.push(action);
      else if (outcome !== 'stopped') failures.push(outcome);
      return outcome === 'done';
    });
  };
  // In the order of the plan, in which needs come first.
  for (const action of actions) results.set(action.id, run(action));
  await Promise.all(results.values());
  return { done, failures };
}

async function attempt(action: Action, execution: Execution): Promise<'done' | 'stopped' | Failure> {
  try {
    if (action.destroys || action.kind === 'TakeOver') {
      const objection = await execution.confirm(action);
      if (objection !== undefined) return { action, code: 'CalledOff', message: objection, effect: 'retries' };
    }
    const { open, audit, stop, priority = 'normal' } = execution;
    const target = withPriority(open(action.target), priority);
    await performCall(action, audit ? audited(target, action, audit) : target, { signal: stop, priority });
    return 'done';
  } catch (error) {
    if (execution.stop.aborted && error === execution.stop.reason) return 'stopped';
    return failureOf(action, error);
  }
}

function failureOf(action: Action, error: unknown): Failure {
  if (error instanceof CalledOff) return { action, code: error.code, message: error.message, effect: error.effect };
  if (error instanceof AwsError) {
    const stalls =
      error.class === 'refused' || error.class === 'access' || error.class === 'unsupported' || error.class === 'bug';
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
