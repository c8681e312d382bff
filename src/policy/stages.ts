import type { AmiPolicySpec } from '../api/ami-policy.ts';
import { DAY_MS, type Image } from './model.ts';
import { TAG, timeIn } from './tags.ts';

type Rules = NonNullable<AmiPolicySpec['retention']>;

/** The steps by which an image leaves. Each can be taken back, but for the last. */
export type Stage = 'deprecate' | 'disable' | 'delete';

/** What is to be done next about an image that the rules do not keep. */
export type Next =
  /** No stage is left that the policy asks for. */
  | { readonly kind: 'nothing' }
  | { readonly kind: 'wait'; readonly stage: Stage; readonly until: number }
  | { readonly kind: 'due'; readonly stage: Stage }
  /** It is disabled, and since when is not written on it yet: the gap to the next stage counts from then. */
  | { readonly kind: 'markDisabled'; readonly value: string };

/** How the mark `disabled-since` is written: before the call, when that has succeeded, and where somebody else did it. */
export const BEGUN = 'begun';
const FOUND = 'found ';

/**
 * The one place that decides which stage follows. Stages count from `surplus-since`; each also keeps its configured gap
 * to the one before it, reckoned from when that was really applied, and never follows in the pass that applied it (S16).
 * @param now milliseconds since the epoch, by the clock of AWS
 * @param began when this pass began, by the same clock
 */
export function nextStage(rules: Rules, image: Image, surplusSince: number, now: number, began: number): Next {
  let previous: { readonly at: number; readonly days: number; readonly isStage: boolean } = {
    at: surplusSince,
    days: 0,
    isStage: false,
  };
  for (const [stage, days] of stagesOf(rules)) {
    const applied = appliedAt(stage, image, now);
    if (applied === 'unmarked') {
      const ours = image.tags[TAG.disabledSince] === BEGUN;
      return { kind: 'markDisabled', value: `${ours ? '' : FOUND}${new Date(now).toISOString()}` };
    }
    if (applied !== undefined) {
      previous = { at: Math.max(applied, surplusSince), days, isStage: true };
      continue;
    }
    // What is being made cannot be deprecated or disabled, and what is disabled need not be deprecated any more.
    if (stage === 'deprecate' && image.state !== 'available') continue;
    if (stage === 'disable' && image.state === 'pending') continue;
    const until = Math.max(surplusSince + days * DAY_MS, previous.at + (days - previous.days) * DAY_MS);
    if (now < until) return { kind: 'wait', stage, until };
    if (previous.isStage && previous.at >= began) return { kind: 'wait', stage, until: now + 1000 };
    return { kind: 'due', stage };
  }
  return { kind: 'nothing' };
}

/** The stages that a policy asks for, in order, each with its days. One that is left out never happens. */
export function stagesOf(rules: Rules): readonly (readonly [Stage, number])[] {
  const { deprecateAfterDays, disableAfterDays, deleteAfterDays } = rules;
  return [
    ...(deprecateAfterDays === undefined ? [] : [['deprecate', deprecateAfterDays] as const]),
    ...(disableAfterDays === undefined ? [] : [['disable', disableAfterDays] as const]),
    ...(deleteAfterDays === undefined ? [] : [['delete', deleteAfterDays] as const]),
  ];
}

/** When a stage took effect; undefined: it did not; `unmarked`: it did, and nobody has written down when. */
function appliedAt(stage: Stage, image: Image, now: number): number | 'unmarked' | undefined {
  if (stage === 'deprecate') {
    const { deprecatesAt } = image;
    if (deprecatesAt === undefined || (deprecatesAt > now && timeIn(image.tags, TAG.deprecatedSince) === undefined))
      return undefined;
    return Math.max(deprecatesAt, timeIn(image.tags, TAG.deprecatedSince) ?? 0);
  }
  if (stage === 'disable' && image.state === 'disabled') return disabledAt(image) ?? 'unmarked';
  return undefined;
}

function disabledAt({ tags }: Image): number | undefined {
  const time = Date.parse((tags[TAG.disabledSince] ?? '').replace(FOUND, ''));
  return Number.isNaN(time) ? undefined : time;
}

/** Whether an image is disabled and it was this policy that did it, so that it is also for this policy to enable it. */
export const disabledByUs = ({ state, tags }: Image): boolean =>
  state === 'disabled' && tags[TAG.disabledSince] !== undefined && !tags[TAG.disabledSince]?.startsWith(FOUND);

/** Whether somebody has enabled an image again that this policy had disabled. */
export const enabledByOthers = (image: Image): boolean =>
  image.state === 'available' && disabledAt(image) !== undefined && !image.tags[TAG.disabledSince]?.startsWith(FOUND);
