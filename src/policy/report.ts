import type { Finding } from '../api/conditions.ts';
import type { PlanStatus, PolicyStatus, TargetStatus, VersionStatus } from '../api/policy-status.ts';
import { conditionsOf, cut } from './conditions.ts';
import type { Failure } from './failure.ts';
import type { Decision } from './make-plan.ts';
import { type Image, type Target, type TargetKey, targetKey } from './model.ts';
import { inventoryOf, type PlanInput } from './pass.ts';
import type { Action, Plan } from './plan.ts';
import { snapshotIndexOf } from './snapshot-index.ts';
import type { Standings } from './standing.ts';
import { isoTime, TAG } from './tags.ts';
import { readyImage, type Version } from './versions.ts';

/** What a pass came to: the last plan that was made, and what did not succeed of it. */
export interface Outcome extends Decision {
  readonly input: PlanInput;
  readonly failures: readonly Failure[];
  readonly counts: Counts;
}

/** How far the copies are. */
interface Counts {
  readonly ready: number;
  readonly wanted: number;
  readonly targetsReady: number;
  readonly targets: number;
  readonly pending: number;
  /** `2 versions are ready in 4 targets`. */
  readonly summary: string;
}

/** A status without its times: what `status` shows, and the findings its conditions are made from. */
export interface Report {
  readonly status: Omit<PolicyStatus, 'conditions' | 'observedGeneration' | 'deletions' | 'lastHandledReconcile'>;
  readonly findings: readonly Finding[];
}

const MAX_TARGETS = 400;
const MAX_VERSIONS = 200;
const MAX_LISTED = 50;

/**
 * How many bytes of JSON the lists may have: status stays below 256 KiB with them, the conditions (at most 8 of 2000
 * characters each) and the day's deletions.
 */
const BYTES = { targets: 85_000, versions: 60_000, images: 20_000, next: 20_000, blocked: 20_000 };

/**
 * Turns a pass into status. Everything is bounded, sorted and free of times that move by themselves: an unchanged world
 * gives an equal status, which is then not written.
 */
export function report(input: PlanInput, decision: Decision, failures: readonly Failure[]): Report {
  const seen = new Lookups(decision.plan, failures);
  const wanted = decision.set.versions.filter(({ id }) => decision.standings.wanted.has(id));
  const targets = decision.standings.targets.map((target) => targetStatus(input, wanted, seen, target));
  const counts = countsOf(decision.standings, targets, decision.set.sources !== undefined);
  const outcome: Outcome = { ...decision, input, failures, counts };
  const plan = planStatus(outcome);
  return {
    status: {
      versionCount: decision.set.versions.length,
      targetsReady: `${counts.targetsReady}/${counts.targets}`,
      pendingCopies: counts.pending,
      targets: fitting(
        targets
          .toSorted((left, right) => Number(right.problem !== undefined) - Number(left.problem !== undefined))
          .slice(0, MAX_TARGETS),
        BYTES.targets,
      ),
      versions: withImages(
        outcome,
        fitting(
          decision.set.versions.slice(0, MAX_VERSIONS).map((version) => versionStatus(outcome, seen, version)),
          BYTES.versions,
        ),
      ),
      ...(plan && { plan }),
    },
    findings: conditionsOf(outcome),
  };
}

/** The first entries, as many as have room. */
function fitting<T>(entries: readonly T[], bytes: number): T[] {
  let left = bytes;
  const end = entries.findIndex((entry) => {
    left -= Buffer.byteLength(JSON.stringify(entry)) + 1;
    return left < 0;
  });
  return end === -1 ? [...entries] : entries.slice(0, end);
}

/** Adds the ids of ready images to the newest versions, each version whole, as long as there is room. */
function withImages({ set, standings, input }: Outcome, statuses: readonly VersionStatus[]): VersionStatus[] {
  let left = BYTES.images;
  return statuses.map((status, index) => {
    const version = set.versions[index];
    if (!version || left <= 0) return status;
    const ids = standings.targets.flatMap((target) => {
      const image = readyImage(version, target, input.owner.source);
      return image ? [[targetKey(target), image.id] as const] : [];
    });
    left -= ids.reduce((sum, [key, id]) => sum + key.length + id.length + 6, 14);
    if (left < 0 || ids.length === 0) return status;
    return { ...status, images: Object.fromEntries(ids.toSorted(([a], [b]) => compare(a, b))) };
  });
}

/** What of a plan concerns a target or an image, found without searching. */
class Lookups {
  readonly problems = new Map<TargetKey, string>();
  readonly copies = new Map<TargetKey, number>();
  /** By image id. */
  readonly held = new Map<string, string>();

  constructor(plan: Plan, failures: readonly Failure[]) {
    const problem = (target: Target, text: string): void => {
      const key = targetKey(target);
      if (!this.problems.has(key)) this.problems.set(key, text);
    };
    for (const { effect, target, subject, message } of plan.blocked) {
      if (effect !== 'keeps' && target) problem(target, `${subject}: ${message}`);
      const id = idIn(subject);
      if (id !== '' && !this.held.has(id)) this.held.set(id, message);
    }
    for (const { effect, action, message } of failures) {
      if (effect !== 'keeps') problem(action.target, `${action.subject}: ${message}`);
    }
    for (const { kind, target } of plan.actions) {
      const key = targetKey(target);
      if (kind === 'CopyImage') this.copies.set(key, (this.copies.get(key) ?? 0) + 1);
    }
  }
}

function targetStatus(input: PlanInput, wanted: readonly Version[], seen: Lookups, target: Target): TargetStatus {
  const key = targetKey(target);
  const view = input.targets.get(key);
  const at = { account: target.account, region: target.region };
  if (view?.kind !== 'observed') {
    return { ...at, ready: 0, wanted: wanted.length, problem: cut(view?.message ?? 'it was not observed', 200) };
  }
  const ready = wanted.filter((version) => readyImage(version, target, input.owner.source) !== undefined).length;
  const copying = wanted.flatMap(
    (version) => version.copies.get(key)?.filter(({ image }) => image.state === 'pending') ?? [],
  );
  const pending = copying.length + (seen.copies.get(key) ?? 0);
  const progress = progressOf(
    input,
    target,
    copying.map(({ image }) => image),
  );
  const problem = seen.problems.get(key);
  return {
    ...at,
    ready,
    wanted: wanted.length,
    ...(pending > 0 && { pending }),
    ...(progress !== undefined && { progress }),
    ...(problem !== undefined && { problem: cut(problem, 200) }),
  };
}

/** Only snapshots have a progress. It is shown in steps of ten, so that it does not make a write of every poll. */
function progressOf(input: PlanInput, target: Target, copying: readonly Image[]): string | undefined {
  if (copying.length === 0) return undefined;
  const snapshots = inventoryOf(input, target)?.snapshots;
  let done = 0;
  let size = 0;
  for (const { sizeGiB, progress } of copying.flatMap(({ id }) =>
    snapshots ? snapshotIndexOf(snapshots).madeFor(id) : [],
  )) {
    done += sizeGiB * progress;
    size += sizeGiB;
  }
  return size === 0 ? undefined : `${Math.floor(done / size / 10) * 10}%`;
}

function countsOf(standings: Standings, targets: readonly TargetStatus[], sourcesSeen: boolean): Counts {
  // Without the sources nobody knows what a target must hold.
  const targetsReady = sourcesSeen
    ? targets.filter(({ ready, wanted, problem }) => ready === wanted && problem === undefined).length
    : 0;
  const ready = targets.reduce((sum, target) => sum + target.ready, 0);
  const wanted = targets.reduce((sum, target) => sum + target.wanted, 0);
  const versions = standings.wanted.size;
  return {
    ready,
    wanted,
    targetsReady,
    targets: targets.length,
    pending: targets.reduce((sum, target) => sum + (target.pending ?? 0), 0),
    summary:
      ready === wanted
        ? `${versions} wanted ${versions === 1 ? 'version is' : 'versions are'} ready in ${targets.length} ${targets.length === 1 ? 'target' : 'targets'}`
        : `${ready} of ${wanted} wanted images are ready in ${targets.length} targets`,
  };
}

function versionStatus(outcome: Outcome, seen: Lookups, version: Version): VersionStatus {
  const { standings, input } = outcome;
  const at = standings.targets;
  const stage = stageOf(standings, version);
  const marks = [...version.copies.values()]
    .flat()
    .map(({ image }) => image.tags[stage === 'Withdrawn' ? TAG.withdrawnSince : TAG.surplusSince])
    .filter((mark) => mark !== undefined)
    .toSorted();
  const since = stage === 'Surplus' || stage === 'Withdrawn' ? marks[0] : undefined;
  const all = [...version.copies.values()].flat().map(({ image }) => image);
  const deprecated = all.filter(({ tags }) => tags[TAG.deprecatedSince] !== undefined).length;
  const disabled = all.filter(({ state }) => state === 'disabled').length;
  const ids = new Set([version.id, ...all.map(({ id }) => id)]);
  const next = outcome.plan.waits
    .filter(({ part, subject, until }) => part === 'retention' && until !== undefined && ids.has(idIn(subject)))
    .toSorted((left, right) => (left.until ?? 0) - (right.until ?? 0))[0];
  const imageIds = [version.id, ...[...version.copies.values()].flat().map(({ image }) => image.id)];
  const held = imageIds.map((id) => seen.held.get(id)).find((message) => message !== undefined);
  return {
    name: cut(version.name, 128),
    sourceImage: version.id,
    family: version.family,
    created: isoTime(version.createdAt),
    stage,
    ...(since !== undefined && { since: cut(since, 32) }),
    ready: at.filter((target) => readyImage(version, target, input.owner.source) !== undefined).length,
    wanted: standings.wanted.has(version.id) ? at.length : 0,
    ...(deprecated > 0 && { deprecated }),
    ...(disabled > 0 && { disabled }),
    ...(next && { next: cut(next.message, 160) }),
    ...(held !== undefined && { held: cut(held, 160) }),
  };
}

/** The id in `name (ami-0abc)`. */
const idIn = (subject: string): string => /\((ami-[0-9a-f]+)\)$/.exec(subject)?.[1] ?? '';

function stageOf(standings: Standings, version: Version): VersionStatus['stage'] {
  if (version.withdrawn !== undefined) return 'Withdrawn';
  if (standings.wanted.has(version.id)) return 'Wanted';
  const places = [...standings.targets, ...[...version.copies.values()].flat().map(({ target }) => target)];
  return places.some((target) => standings.of(version, target).kind === 'retained') ? 'Retained' : 'Surplus';
}

function planStatus({ plan, failures }: Outcome): PlanStatus | undefined {
  if (plan.actions.length === 0 && plan.blocked.length === 0 && failures.length === 0) return undefined;
  const byKind = [...Map.groupBy(plan.actions, ({ kind }) => kind)].map(
    ([kind, actions]) => [kind, actions.length] as const,
  );
  const blocked = [
    ...plan.blocked.map(({ code, subject, target, message }) => ({ code, subject: placed(subject, target), message })),
    ...failures.map(({ code, action, message }) => ({ code, subject: placed(action.subject, action.target), message })),
  ];
  const gibibytes = plan.actions.reduce((sum, action) => sum + (action.gibibytes ?? 0), 0);
  return {
    ...(byKind.length > 0 && {
      actions: Object.fromEntries(byKind.toSorted(([left], [right]) => (left < right ? -1 : 1))),
      next: fitting(plan.actions.slice(0, MAX_LISTED).map(plannedAction), BYTES.next),
    }),
    ...(blocked.length > 0 && {
      blocked: fitting(
        blocked
          .toSorted((left, right) => compare(left.code, right.code) || compare(left.subject, right.subject))
          .slice(0, MAX_LISTED)
          .map(({ code, subject, message }) => ({
            reason: code,
            subject: cut(subject, 256),
            message: cut(message, 300),
          })),
        BYTES.blocked,
      ),
    }),
    ...(gibibytes > 0 && { gibibytesToCopy: gibibytes }),
  };
}

const compare = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0);

function plannedAction(action: Action): NonNullable<PlanStatus['next']>[number] {
  return {
    kind: action.kind,
    target: targetKey(action.target),
    image: cut(action.subject, 256),
    reason: cut(action.reason, 300),
  };
}

function placed(subject: string, target: Target | undefined): string {
  const key = target && targetKey(target);
  return key === undefined || key === subject ? subject : `${subject} in ${key}`;
}
