import type { Finding } from '../api/conditions.ts';
import { targetKey } from './model.ts';
import type { Blocked, Part, Wait } from './plan.ts';
import type { Outcome } from './report.ts';
import { partOf } from './restrictions.ts';

/** How much text a condition may hold. */
const MAX_MESSAGE = 2000;

/**
 * What the conditions say. `Ready` is computed from the others. `Reconciling` and `Stalled` are present only while true,
 * and never both: as long as something is under way the policy is reconciling; it is stalled when somebody must act and
 * nothing else is left to do.
 */
export function conditionsOf(outcome: Outcome): Finding[] {
  const { input, plan } = outcome;
  const parts = new Map<Part, PartState>();
  for (const part of ['access', 'source', 'replication', 'sharing', 'publishing', 'retention', 'deletion'] as const) {
    parts.set(part, stateOf(outcome, part));
  }
  const findings: Finding[] = [];
  const add = (type: Finding['type'], part: Part, good: readonly [reason: string, message: string]): void => {
    const state = parts.get(part) as PartState;
    findings.push(
      state.reason === undefined
        ? { type, status: 'True', reason: good[0], message: cut(good[1]) }
        : { type, status: 'False', reason: state.reason, message: cut(state.message) },
    );
  };

  if (!input.spec.suspend && !input.deleting) {
    add('AccessReady', 'access', ['AllTargetsReachable', `all ${input.targets.size} targets were observed`]);
    findings.push(sourceFinding(outcome, parts.get('source') as PartState));
    const { ready, wanted, summary } = outcome.counts;
    const isUnseen = parts.get('replication')?.reason === undefined && ready < wanted;
    if (isUnseen) findings.push(unseen(summary));
    else add('Replicated', 'replication', ['AllCopiesReady', summary]);
    if (input.spec.sharing) add('Shared', 'sharing', ['SharedAsListed', sharedSummary(input.spec.sharing)]);
    if (input.spec.publish || (input.published && parts.get('publishing')?.reason !== undefined))
      add('Published', 'publishing', [
        'PublishedAsReady',
        'every parameter points at the newest version that is ready',
      ]);
    if (input.spec.retention) add('RetentionApplied', 'retention', ['RetentionApplied', keptSummary(plan.blocked)]);
  }
  findings.push(...rootOf(outcome, parts, findings));
  return findings;
}

interface PartState {
  /** Undefined: all is well with this part. */
  readonly reason?: string;
  readonly message: string;
  readonly stalled: boolean;
  /** Something changes by itself, or is tried again. */
  readonly waiting: boolean;
  /** Actions are due. */
  readonly due: boolean;
}

type Sharing = NonNullable<Outcome['input']['spec']['sharing']>;

/** A wait that is due some day is no sign of work under way. */
const SOON_MS = 60 * 60_000;

function stateOf(outcome: Outcome, part: Part): PartState {
  const { input, plan, failures } = outcome;
  const blocked = plan.blocked.filter((entry) => entry.part === part && entry.effect !== 'keeps');
  const failed = failures.filter(({ action, effect }) => effect !== 'keeps' && partOf(action, input.deleting) === part);
  const failedIds = new Set(failures.map(({ action }) => action.id));
  const due = plan.actions.filter((action) => partOf(action, input.deleting) === part && !failedIds.has(action.id));
  const waits = plan.waits.filter((wait) => wait.part === part && isSoon(wait, input.now));
  const problems = [
    ...blocked.map(({ code, subject, target, message, effect }) => ({
      code,
      effect,
      text: place(subject, target && targetKey(target), message),
    })),
    ...failed.map(({ code, action, message, effect }) => ({
      code,
      effect,
      text: place(action.subject, targetKey(action.target), message),
    })),
  ].toSorted((left, right) => rank(left.effect) - rank(right.effect) || (left.text < right.text ? -1 : 1));
  const stalled = problems.some(({ effect }) => effect === 'stalls');
  const waiting = waits.some(({ behind }) => !behind) || problems.some(({ effect }) => effect === 'retries');
  const state = { stalled, waiting, due: due.length > 0 };
  const first = problems[0];
  if (first) return { ...state, reason: first.code, message: list(problems.map(({ text }) => text)) };
  if (waits.length > 0 || due.length > 0)
    return { ...state, reason: UNDER_WAY[part], message: progress(part, due.length, waits) };
  return { ...state, message: '' };
}

const UNDER_WAY: Readonly<Record<Part, string>> = {
  access: 'Connecting',
  source: 'SourcePending',
  replication: 'Copying',
  sharing: 'Sharing',
  publishing: 'Publishing',
  retention: 'Retiring',
  deletion: 'Deleting',
};

const rank = (effect: Blocked['effect']): number => (effect === 'stalls' ? 0 : effect === 'retries' ? 1 : 2);
const isSoon = (wait: Wait, now: number): boolean => wait.until === undefined || wait.until - now < SOON_MS;
const place = (subject: string, target: string | undefined, message: string): string =>
  target === undefined || target === subject ? `${subject}: ${message}` : `${subject} in ${target}: ${message}`;

function progress(part: Part, due: number, waits: readonly Wait[]): string {
  const texts = waits.map(({ subject, target, message }) => place(subject, targetKey(target), message)).toSorted();
  if (due > 0) texts.unshift(`${due} ${due === 1 ? 'action is' : 'actions are'} due for ${part}`);
  return list(texts);
}

/** The first five, and how many more. */
function list(texts: readonly string[]): string {
  const shown = [...new Set(texts)];
  return shown.length <= 5 ? shown.join('; ') : `${shown.slice(0, 5).join('; ')}; and ${shown.length - 5} more`;
}

const unseen = (summary: string): Finding => ({
  type: 'Replicated',
  status: 'Unknown',
  reason: 'TargetsUnavailable',
  message: cut(`${summary}; what is in the targets that AccessReady names could not be seen`),
});

function sharedSummary({ organizations = [], organizationalUnits = [] }: Sharing): string {
  const text = 'launch permissions are as the policy lists them';
  // ec2-facts 1.10
  return organizations.length + organizationalUnits.length === 0
    ? text
    : `${text}; organisations and units can launch the images and not copy them: EBS shares snapshots with accounts only`;
}

function keptSummary(blocked: readonly Blocked[]): string {
  const kept = blocked.filter(({ part, effect }) => part === 'retention' && effect === 'keeps');
  if (kept.length === 0) return 'nothing is due';
  const codes = [...Map.groupBy(kept, ({ code }) => code)]
    .map(([code, entries]) => `${entries.length} ${code}`)
    .toSorted();
  return `what is due and kept all the same: ${codes.join(', ')} (see status.plan.blocked)`;
}

function sourceFinding(outcome: Outcome, state: PartState): Finding {
  const { set, input } = outcome;
  const type = 'SourceResolved';
  const view = input.targets.get(targetKey(input.owner.source));
  if (view?.kind !== 'observed' || set.sources === undefined) {
    const why = view?.kind === 'unavailable' ? view.message : state.message;
    return {
      type,
      status: 'Unknown',
      reason: 'SourceUnavailable',
      message: cut(why || 'the source was not observed'),
    };
  }
  // A pending source beside usable ones is news, not a fault.
  if (state.reason !== undefined && (state.stalled || set.versions.length === 0)) {
    return { type, status: 'False', reason: state.reason, message: cut(state.message) };
  }
  const families = new Set(set.versions.map(({ family }) => family)).size;
  const found = `${set.versions.length} ${set.versions.length === 1 ? 'version' : 'versions'} in ${families} ${families === 1 ? 'family' : 'families'}`;
  return {
    type,
    status: 'True',
    reason: 'SourceImagesFound',
    message: cut(state.message ? `${found}; ${state.message}` : found),
  };
}

function rootOf(outcome: Outcome, parts: ReadonlyMap<Part, PartState>, findings: readonly Finding[]): Finding[] {
  const { input, plan, counts } = outcome;
  const ready = (status: Finding['status'], reason: string, message: string): Finding => ({
    type: 'Ready',
    status,
    reason,
    message: cut(message),
  });
  if (input.deleting) {
    const state = parts.get('deletion') as PartState;
    const text = state.message || 'the policy is being deleted';
    return [
      ready('False', state.reason ?? 'Deleting', text),
      state.stalled && !isMoving(state)
        ? { type: 'Stalled', status: 'True', reason: state.reason ?? 'DeletionBlocked', message: cut(text) }
        : { type: 'Reconciling', status: 'True', reason: 'Deleting', message: cut(text) },
    ];
  }
  if (input.spec.suspend) {
    const open = list(['replication', 'access'].map((part) => parts.get(part as Part)?.message ?? '').filter(Boolean));
    const text = 'spec.suspend is true: no work is done on this policy';
    return [ready('False', 'Suspended', open ? `${text}, but that temporary grants are taken back: ${open}` : text)];
  }
  const bad = findings.filter(({ status }) => status !== 'True');
  if (input.spec.mode === 'Plan' && bad.every(({ reason }) => isOnlyDue(reason))) {
    const due = plan.actions.length;
    return [
      ready(
        'True',
        'PlanPublished',
        due === 0
          ? 'nothing would be done, and nothing is: this is a plan only'
          : `${due} actions would be taken; nothing is, because this is a plan only (spec.mode: Plan, or amifleet plan)`,
      ),
    ];
  }
  if (bad.length === 0) return [ready('True', 'Ready', counts.summary)];
  const states = [...parts.values()];
  // A plan that is only published does not carry itself out.
  const moving = states.filter((state) => (input.spec.mode === 'Plan' ? state.waiting : isMoving(state)));
  const stalled = states.find((state) => state.stalled);
  const worst = stalled ?? states.find(({ reason }) => reason !== undefined);
  const reason = worst?.reason ?? bad[0]?.reason ?? 'NotReady';
  const message = cut(worst?.message ?? bad[0]?.message ?? '');
  const root = ready('False', reason, message);
  if (moving.length > 0) {
    const text = list(moving.map((state) => state.message));
    return [root, { type: 'Reconciling', status: 'True', reason: 'Progressing', message: cut(text) }];
  }
  return [root, { type: 'Stalled', status: 'True', reason, message }];
}

const isOnlyDue = (reason: string): boolean => Object.values(UNDER_WAY).includes(reason);

const isMoving = ({ waiting, due }: PartState): boolean => waiting || due;

/** At most `max` characters, cut at the end, and never through the middle of one. */
export function cut(text: string, max = MAX_MESSAGE): string {
  return text.length <= max ? text : `${text.slice(0, max - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
