import type { AmiPolicy } from '../api/ami-policy.ts';
import type { AwsAccount } from '../api/aws-account.ts';
import { ABANDON_ANNOTATION } from '../api/group.ts';
import type { Audit } from '../aws/audit.ts';
import type { CallOptions } from '../aws/aws-clients.ts';

import type { OpenTarget } from '../aws/inventories.ts';
import { type DelayedLane, withDelays } from '../policy/delay.ts';
import type { Failure } from '../policy/failure.ts';
import type { Owner } from '../policy/identity.ts';
import type { Decision } from '../policy/make-plan.ts';
import { type Image, type Target, type TargetKey, type TargetView, targetKey } from '../policy/model.ts';
import type { PlanInput, Rival } from '../policy/pass.ts';
import type { Action } from '../policy/plan.ts';
import { type Report, report } from '../policy/report.ts';
import { copiesIn } from '../policy/schedule.ts';
import { type Scope, scopeOf } from '../policy/scope.ts';
import { targetsOf } from '../policy/standing.ts';
import { type Grant, grantFor, knownAccounts } from './access.ts';
import { act, scheduled } from './act.ts';
import type { Admitted } from './admission.ts';
import { plan } from './decide.ts';
import type { Engine } from './engine.ts';
import type { NodeClasses } from './node-classes.ts';
import { type Freshness, observe } from './observe.ts';

/** Everything about one policy that a pass starts from. */
export interface Request {
  readonly policy: AmiPolicy;
  readonly owner: Owner;
  readonly accounts: ReadonlyMap<string, AwsAccount>;
  readonly rivals: readonly Rival[];
  readonly livePolicies?: ReadonlySet<string>;
  readonly deletedToday: ReadonlySet<string>;
  readonly readOnly: boolean;
  /** Default: by the policy and its accounts. */
  readonly scope?: Scope;
  /** Undefined where there is no cluster (file mode). */
  readonly nodeClasses?: Pick<NodeClasses, 'read'>;
  /**
   * Whether an image that is being made was begun by this controller, for whatever policy, and so uses up its part of the
   * quota. Default: each counts.
   */
  readonly isOurs?: (image: Image) => boolean;
  /** What of the world may be remembered from before. */
  readonly fresh: Freshness;
  /** Of all calls to AWS. Default: normal. */
  readonly priority?: CallOptions['priority'];
}

/** How a pass reaches out of itself. */
export interface Hooks {
  /** Called before mutations, with the accounts in which they are. */
  readonly beforeActing: (accounts: readonly string[]) => Promise<void>;
  /** Called with the versions whose deletion is about to begin, before it does. */
  readonly beforeDeleting: (versions: readonly string[]) => Promise<void>;
  /** Reads the policy once more; why an action must not be carried out any more. */
  readonly confirm: (action: Action) => Promise<string | undefined>;
  /** Is told of everything that is taken away. Default: nobody is. */
  readonly audit?: Audit | undefined;
  readonly acted?: (done: readonly Action[], failures: readonly Failure[]) => void;
  readonly stop: AbortSignal;
}

export interface Result {
  readonly input: PlanInput;
  readonly decision: Decision;
  /** What is due and has to wait for AWS; the plan says so, too. */
  readonly delayed: readonly DelayedLane[];
  readonly failures: readonly Failure[];
  readonly report: Report;
}

/** Rounds of acting: a grant, then the copy, then what follows from it. What is left waits for the next pass. */
const MAX_ROUNDS = 6;
/** What is about to be destroyed was listed no longer ago than this. */
const DESTROY_WITHIN_MS = 15_000;

/**
 * One pass over one policy, as named steps: resolve access, resolve source, observe, plan, schedule, act, report. It acts in
 * rounds, because much follows from what was just done, and reports on what is left.
 */
export async function reconcile(engine: Engine, asked: Request, hooks: Hooks): Promise<Result> {
  const given = withScope(asked);
  const settled = engine.inventories.settledFrom();
  const isSettled = settled > Number.NEGATIVE_INFINITY;
  const grants = Math.max(given.fresh.grants, settled);
  let listing = Math.max(given.fresh.listing, settled);
  const begunAt = engine.clock.monotonic();
  let { evidence } = given.fresh;
  let { deletedToday } = given;
  const options: PassOptions = {
    signal: hooks.stop,
    flow: given.owner.uid,
    ...(given.priority && { priority: given.priority }),
  };
  const failures: Failure[] = [];
  const began = engine.clients.time.now();
  const begun = new Set<string>();
  for (let round = 1; ; round++) {
    // The daily limit is one for all rounds of a pass.
    const request: Request = { ...given, deletedToday };
    let fresh: Look = { ...given.fresh, listing, grants, evidence, isSettled, began };
    const access = resolveAccess(request);
    await lookForDropped(engine, request, access, hooks.stop);
    let scene = await observeAll(engine, request, access, fresh, options);
    const open = (target: Target): OpenTarget => openIn(scene, target);
    const carryOut = async (admitted: Admitted): Promise<void> => {
      try {
        const accounts = new Set(admitted.actions.map(({ target }) => target.account));
        const more = [...accounts].filter((account) => !begun.has(account));
        if (more.length > 0) await hooks.beforeActing(more);
        for (const account of more) begun.add(account);
        const acted = await act(engine, request, admitted, open, hooks);
        failures.push(...acted.failures);
        ({ deletedToday } = acted);
      } finally {
        admitted.release();
      }
    };
    const due = (actions: readonly Action[]): readonly Action[] =>
      stillPossible(actions, new Set(failures.map(({ action }) => action.id)));
    const early = async (known: Decision): Promise<void> => {
      if (mayAct(request)) await carryOut(scheduled(engine, request, due(copiesIn(known.plan.actions)), open));
    };
    let { input, decision } = await plan(engine, request, scene, fresh, options, early);
    if (mayAct(request) && decision.plan.actions.some(({ destroys }) => destroys)) {
      listing = Math.max(listing, engine.clock.monotonic() - DESTROY_WITHIN_MS);
      // What was found unused a while ago may be in use by now.
      evidence = Math.max(evidence, begunAt);
      fresh = { ...given.fresh, listing, grants, evidence, isSettled, began };
      scene = await observeAll(engine, request, access, fresh, options);
      ({ input, decision } = await plan(engine, request, scene, fresh, options, early));
    }
    const mayGoOn = mayAct(request) && round <= MAX_ROUNDS && !hooks.stop.aborted;
    const admitted = mayGoOn ? scheduled(engine, request, due(decision.plan.actions), open) : undefined;
    if (!admitted || admitted.actions.length === 0) {
      const delayed = admitted?.delayed ?? [];
      const relevant = failures.filter(({ action }) => decision.plan.actions.some(({ id }) => id === action.id));
      const told = { ...decision, plan: withDelays(decision.plan, delayed, input) };
      return { input, decision: told, delayed, failures: relevant, report: report(input, told, relevant) };
    }
    await carryOut(admitted);
    evidence = engine.clock.monotonic();
  }
}

/** The actions that are left when some have failed in this pass: without these, and without whatever needs them. */
function stillPossible(actions: readonly Action[], failed: ReadonlySet<string>): readonly Action[] {
  const out = new Set(failed);
  // Needs are planned before what needs them, so one pass over the list finds every dependent.
  return actions.filter(({ id, needs }) => {
    if (needs.some((need) => out.has(need))) out.add(id);
    return !out.has(id);
  });
}

/** The request for what the policy concerns, by labels and by what was given up. */
function withScope(request: Request): Request & { readonly scope: Scope } {
  const { policy, owner, accounts } = request;
  const abandon = policy.metadata.annotations?.[ABANDON_ANNOTATION];
  const scope = scopeOf(policy.spec, abandon, knownAccounts(owner.namespace, accounts));
  return { ...request, scope, policy: { ...policy, spec: scope.spec } };
}

const mayAct = ({ policy }: Request): boolean =>
  policy.spec.mode === 'Apply' || policy.metadata.deletionTimestamp !== undefined;

/** Step "resolve access". */
function resolveAccess(request: Request): (account: string) => Grant {
  const known = new Map<string, Grant>();
  return (account) => {
    let grant = known.get(account);
    if (!grant) {
      grant = grantFor(account, request.owner.namespace, request.accounts, request.readOnly);
      known.set(account, grant);
    }
    return grant;
  };
}

/** Before a policy that is deleted may go, every account is searched for what is left of it. */
async function lookForDropped(
  engine: Engine,
  request: Request,
  grants: (account: string) => Grant,
  stop: AbortSignal,
): Promise<void> {
  if (request.policy.metadata.deletionTimestamp === undefined) return;
  for (const { account, region } of [...targetsOf(request.policy.spec), request.owner.source]) {
    if (request.scope?.letsGo({ account, region }) === true) continue;
    const grant = grants(account);
    if (grant.kind === 'granted' && engine.sweep.isDue(account))
      await engine.sweep.account(grant.access, { signal: stop });
  }
}

/** With which all calls of a pass are made. */
export type PassOptions = CallOptions & { readonly signal: AbortSignal };

/** How a pass looks at the world, the same in all its rounds. */
export interface Look extends Freshness {
  /** Whether what is read again from now on shows everything that an earlier process may have written. */
  readonly isSettled: boolean;
  /** When the pass began, by the clock of AWS. */
  readonly began: number;
}

export interface Scene {
  readonly views: ReadonlyMap<TargetKey, TargetView>;
  /** Where nothing is done any more, because the account has lost its label. */
  readonly letGo: ReadonlyMap<TargetKey, TargetView>;
  readonly open: ReadonlyMap<TargetKey, OpenTarget>;
  readonly nodeClasses?: PlanInput['nodeClasses'];
}

function openIn(scene: Scene, target: Target): OpenTarget {
  const open = scene.open.get(targetKey(target));
  if (!open) throw new Error(`${targetKey(target)} was not observed in this pass`);
  return open;
}

/** Steps "resolve source" and "observe": the source, the targets of the spec, and those that it no longer names. */
async function observeAll(
  engine: Engine,
  request: Request,
  grants: (account: string) => Grant,
  fresh: Freshness,
  options: PassOptions,
): Promise<Scene> {
  const source: Target = request.owner.source;
  const targets = new Map<TargetKey, Target>();
  const letGo = new Map<TargetKey, Target>();
  for (const target of [source, ...targetsOf(request.policy.spec), ...engine.sweep.targetsWith(request.owner)]) {
    if (request.scope?.letsGo(target) !== true) targets.set(targetKey(target), target);
    else if (!request.scope.isAbandoned(target)) letGo.set(targetKey(target), target);
  }
  const sights = await Promise.all(
    [...targets, ...letGo].map(async ([key, target]) => {
      const scope = key === targetKey(source) ? 'own' : 'copies';
      return [key, await observe(engine, target, grants(target.account), scope, fresh, options)] as const;
    }),
  );
  const nodeClasses = await request.nodeClasses?.read(fresh, options.signal);
  return {
    ...(nodeClasses && { nodeClasses }),
    views: new Map(sights.flatMap(([key, { view }]) => (targets.has(key) ? [[key, view] as const] : []))),
    letGo: new Map(sights.flatMap(([key, { view }]) => (letGo.has(key) ? [[key, view] as const] : []))),
    open: new Map(sights.flatMap(([key, { open }]) => (open ? [[key, open] as const] : []))),
  };
}
