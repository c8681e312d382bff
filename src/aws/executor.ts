import PQueue from 'p-queue';
import { sleep } from '../ambient/clock.ts';
import { awsActionOf } from '../policy/aws-action.ts';
import type { Failure } from '../policy/failure.ts';
import { type Target, targetKey } from '../policy/model.ts';
import type { Action, ActionKind } from '../policy/plan.ts';
import { type Audit, audited } from './audit.ts';
import type { CallOptions } from './aws-clients.ts';
import { AwsError } from './aws-error.ts';
import { CalledOff } from './called-off.ts';
import { callingFor } from './calling-for.ts';
import { performCall } from './calls.ts';
import type { OpenTarget } from './inventories.ts';
import type { Permit } from './permit.ts';
import type { Priority } from './priority.ts';

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
  /** The token that an action has. Default: none, and each call waits for the rate budget. */
  readonly permitOf?: (action: Action) => Permit | undefined;
  /** Whose work it is, and how urgent, for whatever else has to be read. */
  readonly flow?: string;
  readonly priority?: Priority;
  /** Aborted: nothing new is started, and what is in hand is finished. */
  readonly stop: AbortSignal;
}

/** What became of the actions of a plan. What is in neither list was not tried, or AWS had no room for it after all. */
export interface Executed {
  readonly done: readonly Action[];
  readonly failures: readonly Failure[];
}

/** Calls of one plan that are under way at a time in one target: no target is held up by what happens in another. */
const CONCURRENCY = 100;

/**
 * What was lent a moment ago may not be effective yet, and EC2 counts a copy that it refuses for that. To wait costs less
 * than to ask in vain: four seconds are worth as many copies, of all that are begun together.
 */
const GRANT_SETTLES_MS = 4000;

/**
 * Carries out actions: each when all that it needs has succeeded and all that it follows has ended. One that fails takes
 * only its dependents with it.
 */
export async function execute(actions: readonly Action[], execution: Execution): Promise<Executed> {
  const queues = new Map<string, PQueue>();
  const results = new Map<string, Promise<boolean>>();
  const lent = new Set(actions.flatMap(({ id, kind }) => (kind === 'GrantTemporarily' ? [id] : [])));
  const done: Action[] = [];
  const failures: Failure[] = [];

  const run = async (action: Action): Promise<boolean> => {
    // What is needed and not in the list was not done: somebody took it out, and should have taken this out, too.
    const needs = await Promise.all(action.needs.map((id) => results.get(id) ?? Promise.resolve(false)));
    if (action.needs.some((id) => lent.has(id))) await settle(action, execution);
    await Promise.all(action.follows.flatMap((id) => results.get(id) ?? []));
    if (needs.includes(false)) return false;
    return await queueOf(queues, action.target).add(async () => {
      if (execution.stop.aborted) return false;
      const outcome = await attempt(action, execution);
      if (outcome.kind === 'done') done.push(outcome.action);
      else if (outcome.kind === 'failed') failures.push(outcome.failure);
      return outcome.kind === 'done';
    });
  };
  // In the order of the plan, in which needs come first.
  for (const action of actions) results.set(action.id, run(action));
  await Promise.all(results.values());
  return { done, failures };
}

/** The history of a parameter goes with it; a copy is taken back from a policy that must be known to be gone. */
const CONFIRMED: ReadonlySet<ActionKind> = new Set(['TakeOver', 'UnpublishImage']);

/** A stop ends it, too: nothing is begun after that. */
async function settle({ target }: Action, { open, stop }: Execution): Promise<void> {
  try {
    await sleep(open(target).clock, GRANT_SETTLES_MS, stop);
  } catch (error) {
    if (!stop.aborted) throw error;
  }
}

function queueOf(queues: Map<string, PQueue>, target: Target): PQueue {
  const key = targetKey(target);
  let queue = queues.get(key);
  if (!queue) {
    queue = new PQueue({ concurrency: CONCURRENCY });
    queues.set(key, queue);
  }
  return queue;
}

type Outcome =
  /** With what there is to say of it added to its reason. */
  | { readonly kind: 'done'; readonly action: Action }
  | { readonly kind: 'not done' }
  | { readonly kind: 'failed'; readonly failure: Failure };

async function attempt(action: Action, execution: Execution): Promise<Outcome> {
  const failed = (failure: Failure): Outcome => ({ kind: 'failed', failure });
  const { flow, priority } = execution;
  const permit = execution.permitOf?.(action);
  try {
    if (action.destroys || CONFIRMED.has(action.kind) || takesAClaimOver(action)) {
      const objection = await execution.confirm(action);
      if (objection !== undefined) return failed({ action, code: 'CalledOff', message: objection, effect: 'retries' });
    }
    const { audit, stop } = execution;
    const options: CallOptions = {
      ...(flow !== undefined && { flow }),
      ...(priority && { priority }),
      ...(permit && { permit }),
    };
    const open = callingFor(execution.open(action.target), options);
    const there = audit ? audited(open, action, audit) : open;
    const remark = await performCall(action, there, { ...options, signal: stop });
    return {
      kind: 'done',
      action: remark === undefined ? action : { ...action, reason: `${action.reason}; ${remark}` },
    };
  } catch (error) {
    if (execution.stop.aborted && error === execution.stop.reason) return { kind: 'not done' };
    // The schedule of the next round says that it waits, and for what.
    if (permit && isThrottle(error, action)) return { kind: 'not done' };
    return failed(failureOf(action, error));
  } finally {
    permit?.release();
  }
}

const isThrottle = (error: unknown, { call }: Action): boolean =>
  error instanceof AwsError && error.class === 'throttle' && error.action === awsActionOf(call);

const takesAClaimOver = ({ call }: Action): boolean => call.do === 'claim' && call.instead !== undefined;

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
