import type { Clock } from '../ambient/clock.ts';
import { CONFIRM_WITHDRAWAL_ANNOTATION } from '../api/group.ts';
import type { CallOptions } from '../aws/aws-clients.ts';
import { type Decision, makePlan } from '../policy/make-plan.ts';
import { type Need, type TargetKey, type TargetView, targetKey } from '../policy/model.ts';
import type { PlanInput } from '../policy/pass.ts';
import type { Attempt } from '../policy/token.ts';
import type { Engine } from './engine.ts';
import type { Look, PassOptions, Request, Scene } from './reconcile.ts';

/** Rounds of asking AWS for what a plan needs to know. Each answer can raise at most one further question. */
const MAX_QUESTIONS = 6;
/** Copies that are certain already do not wait longer than this for what has to be asked for the others. */
const EARLY_MS = 500;

/**
 * Step "plan": decides, asks AWS for what is missing, and decides again. There can be so much to ask that the rate budget
 * makes it last: then `early` is given what is certain so far.
 */
export async function plan(
  engine: Engine,
  request: Request,
  scene: Scene,
  fresh: Look,
  options: PassOptions,
  early: (decision: Decision) => Promise<void>,
): Promise<{ readonly input: PlanInput; readonly decision: Decision }> {
  for (let round = 1; ; round++) {
    const input = inputOf(engine, request, scene, fresh);
    const decision = makePlan(input);
    if (decision.plan.needs.length === 0 || round > MAX_QUESTIONS) return { input, decision };
    const answers = Promise.all(decision.plan.needs.map((need) => ask(need, scene, options)));
    if (!(await isOverWithin(engine.clock, EARLY_MS, answers)))
      await early(makePlan(inputOf(engine, request, scene, fresh)));
    await answers;
    options.signal.throwIfAborted();
  }
}

/** A failure is for whoever waits for the work itself. */
async function isOverWithin(clock: Clock, ms: number, work: Promise<unknown>): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const cancel = clock.after(ms, () => resolve(false));
  const over = (): void => resolve(true);
  work.then(over, over);
  try {
    return await promise;
  } finally {
    cancel();
  }
}

async function ask(need: Need, scene: Scene, options: CallOptions): Promise<void> {
  await scene.open.get(targetKey(need.target))?.inventory.fetch(need, options);
}

function inputOf(engine: Engine, request: Request, scene: Scene, fresh: Look): PlanInput {
  const { policy, owner } = request;
  const lost = new Map<string, Attempt>();
  const targets = new Map<TargetKey, TargetView>();
  for (const [key, view] of scene.views) {
    const open = scene.open.get(key);
    if (open) for (const entry of open.inventory.lost) lost.set(...entry);
    targets.set(key, open && view.kind === 'observed' ? { ...view, inventory: open.inventory.view(fresh) } : view);
  }
  const { annotations, generation, creationTimestamp, deletionTimestamp } = policy.metadata;
  const now = engine.clients.time.now();
  return {
    now,
    began: fresh.began,
    // A pass that began unsettled stays so, though the time may be up by now: what it goes by was read before.
    settlesAt: fresh.isSettled ? now : now + Math.max(1, engine.inventories.unsettledMs()),
    spec: policy.spec,
    owner,
    createdAt: Date.parse(creationTimestamp ?? '') || 0,
    deleting: deletionTimestamp !== undefined,
    confirmation: String(generation),
    withdrawalConfirmed: annotations?.[CONFIRM_WITHDRAWAL_ANNOTATION] === String(generation),
    targets,
    rivals: request.rivals,
    contests: engine.contests.contests,
    refusedCopies: engine.refusals.since(fresh.grants, engine.clock.monotonic()),
    published: policy.status?.conditions?.some(({ type }) => type === 'Published') ?? false,
    abandoned: request.scope?.abandoned ?? [],
    unreadable: request.scope?.unreadable ?? [],
    letGo: scene.letGo,
    ...(request.livePolicies && { livePolicies: request.livePolicies }),
    ...(scene.nodeClasses && { nodeClasses: scene.nodeClasses }),
    lost,
    deletedToday: request.deletedToday,
    limits: engine.limits,
  };
}
