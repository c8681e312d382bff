import type { Image, Target } from './model.ts';
import type { Pass } from './pass.ts';
import { BEGUN, disabledByUs } from './stages.ts';
import { isoTime, TAG } from './tags.ts';

/** An image that a stage is about. */
interface Placed {
  readonly image: Image;
  readonly target: Target;
}

/** EC2 refuses dates that are past, and rounds to the minute. */
const AHEAD_MS = 90_000;

/** The mark goes first: a deprecation without a mark of ours is never taken back. */
export function deprecateImage(pass: Pass, { image, target }: Placed, subject: string, reason: string): void {
  const { draft, now } = pass;
  const needs = [
    draft.act({
      id: `mark-deprecated ${image.id}`,
      kind: 'MarkStage',
      target,
      subject,
      reason: 'written before it is deprecated, so that it can be taken back',
      call: { do: 'tag', resources: [image.id], tags: { [TAG.deprecatedSince]: isoTime(now) } },
    }),
  ];
  draft.act({
    id: `deprecate ${image.id}`,
    kind: 'DeprecateImage',
    target,
    subject,
    reason,
    call: { do: 'deprecate', imageId: image.id, at: now + AHEAD_MS },
    needs,
  });
}

/**
 * EC2 does not tell since when an image is disabled, so it is written down: that it is begun before the call, and the
 * time when it is seen disabled. Whatever comes in between, the next stage is reckoned from no earlier than the call.
 */
export function disableImage(pass: Pass, { image, target }: Placed, subject: string, reason: string): void {
  const { draft } = pass;
  const marked = image.tags[TAG.disabledSince] === BEGUN;
  const needs = marked
    ? []
    : [
        draft.act({
          id: `mark-disabling ${image.id}`,
          kind: 'MarkStage',
          target,
          subject,
          reason: 'written before it is disabled, so that it can be enabled again',
          call: { do: 'tag', resources: [image.id], tags: { [TAG.disabledSince]: BEGUN } },
        }),
      ];
  draft.act({
    id: `disable ${image.id}`,
    kind: 'DisableImage',
    target,
    subject,
    reason,
    call: { do: 'disable', imageId: image.id },
    needs,
    destroys: { imageId: image.id, state: 'available' },
  });
}

export function markDisabled(pass: Pass, { image, target }: Placed, subject: string, value: string): void {
  pass.draft.act({
    id: `mark-disabled ${image.id}`,
    kind: 'MarkStage',
    target,
    subject,
    reason: 'it is disabled, and the next stage counts from now',
    call: { do: 'tag', resources: [image.id], tags: { [TAG.disabledSince]: value } },
  });
}

/** Takes back the stages that this policy has applied to an image which the rules keep again. */
export function stepBack(pass: Pass, { image, target }: Placed, subject: string, why: string): void {
  const { draft } = pass;
  const { tags } = image;
  const marks = [TAG.disabledSince, TAG.deprecatedSince].filter((key) => tags[key] !== undefined);
  if (marks.length === 0) return;
  const needs: string[] = [];
  const restore = (what: 'enable' | 'undeprecate', kind: 'EnableImage' | 'UndeprecateImage'): void => {
    needs.push(
      draft.act({
        id: `${what} ${image.id}`,
        kind,
        target,
        subject,
        reason: why,
        call: { do: 'restore', imageId: image.id, what },
        needs: [...needs],
      }),
    );
  };
  if (disabledByUs(image)) restore('enable', 'EnableImage');
  if (tags[TAG.deprecatedSince] !== undefined && image.deprecatesAt !== undefined && !image.public)
    restore('undeprecate', 'UndeprecateImage');
  draft.act({
    id: `clear-stages ${image.id}`,
    kind: 'ClearMark',
    target,
    subject,
    reason: why,
    call: { do: 'untag', resources: [image.id], keys: marks },
    needs,
  });
}
