import { keyNameOf } from './encryption.ts';
import { type Target, targetKey } from './model.ts';
import { inventoryOf, type Pass } from './pass.ts';
import { snapshotIndexOf } from './snapshot-index.ts';
import { isoTime } from './tags.ts';
import { type Attempt, FIRST_ATTEMPT, nextAttempt } from './token.ts';
import { type Copy, foreignKey, type Version } from './versions.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** How long after its `count`-th lost copy a version is copied again: 1 minute, doubling to 6 hours. */
export const retryDelayMs = (count: number): number => Math.min(MINUTE_MS * 2 ** (count - 1), 6 * HOUR_MS);

/**
 * Which attempt a copy is. After a failure the next one waits; the wait is counted from the failed image's own date, so
 * that it survives a restart.
 */
export function attemptFor(
  pass: Pass,
  version: Version,
  target: Target,
  copies: readonly Copy[],
  subject: string,
): Attempt | undefined {
  const lost = pass.lost.get(foreignKey(targetKey(target), version.id));
  const failed = copies
    .filter(({ image }) => image.state === 'failed')
    .toSorted((left, right) => right.attempt.count - left.attempt.count)[0];
  if (!failed) return lost ?? FIRST_ATTEMPT;
  const after = nextAttempt(failed.attempt, failed.image.id);
  const next = lost && lost.count > after.count ? lost : after;
  const due = failed.image.createdAt + retryDelayMs(next.count);
  const { code, because } = whyFailed(pass, failed);
  pass.draft.block({
    part: 'replication',
    code,
    subject,
    target,
    message: `copy ${failed.image.id} failed: ${because}. ${next.count === 1 ? 'It is' : `It was the ${ordinal(next.count)} try; it is`} copied again after ${isoTime(due)}`,
    effect: 'retries',
  });
  if (pass.now < due) {
    pass.draft.wait({
      part: 'replication',
      subject,
      target,
      message: 'waiting to copy again after a failure',
      until: due,
    });
    return undefined;
  }
  return next;
}

const ordinal = (count: number): string => (count === 2 ? 'second' : count === 3 ? 'third' : `${count}th`);

/** EC2 says of a failed image only that it failed; what it says of the snapshots tells of the key (ec2-facts, section 6). */
function whyFailed(pass: Pass, { image, target }: Copy): { readonly code: string; readonly because: string } {
  const snapshots = inventoryOf(pass, target)?.snapshots;
  const failed = (snapshots ? snapshotIndexOf(snapshots).madeFor(image.id) : []).find(({ stateMessage = '' }) =>
    /key/i.test(stateMessage),
  );
  const reason = image.stateReason ?? 'EC2 gave no reason';
  if (!failed) return { code: 'CopyFailed', because: reason };
  const key = keyNameOf(pass.spec, target) ?? failed.kmsKeyId ?? 'its key';
  return {
    code: 'KeyNotAccessible',
    because: `${failed.stateMessage} (${failed.id}). Account ${target.account} must be able to use ${key} in ${target.region}, and the key of the source: kms:DescribeKey, kms:CreateGrant, kms:Decrypt, kms:GenerateDataKey* and kms:ReEncrypt*, by the policies of the keys and of its role`,
  };
}
