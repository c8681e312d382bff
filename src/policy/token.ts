import { createHash } from 'node:crypto';
import { DAY_MS, type Target } from './model.ts';

/**
 * The ClientToken of CopyImage. Everything that makes two copies different goes in and nothing else, so that the same
 * decision, taken again after a crash or by another replica, is the same request to EC2 and cannot copy twice.
 *
 * A token whose copy failed keeps returning the dead id. So the ids that a copy has lost are chained into a digest that
 * goes into the next token; count and digest are written on the copy itself, where a restart finds them.
 */

export interface Attempt {
  /** How many copies were lost before. */
  readonly count: number;
  /** 16 hexadecimal digits that stand for the chain of lost ids; empty for the first attempt. */
  readonly digest: string;
}

export const FIRST_ATTEMPT: Attempt = { count: 0, digest: '' };

const digestOf = (...parts: readonly string[]): string => createHash('sha256').update(parts.join('\n')).digest('hex');

/** The attempt that follows one whose copy `lostId` is gone or failed. */
export function nextAttempt(previous: Attempt, lostId: string): Attempt {
  return { count: previous.count + 1, digest: digestOf('lost', previous.digest, lostId).slice(0, 16) };
}

/** The attempt written on a copy; the first one where the tag is absent or spoilt. */
export function attemptIn(value: string | undefined): Attempt {
  const match = /^(\d{1,4})\.([0-9a-f]{16})$/.exec(value ?? '');
  return match ? { count: Number(match[1]), digest: match[2] ?? '' } : FIRST_ATTEMPT;
}

/** What `attemptIn` reads; undefined for a first attempt, which carries no tag. */
export function attemptTag(attempt: Attempt): string | undefined {
  return attempt.count === 0 ? undefined : `${attempt.count}.${attempt.digest}`;
}

/**
 * The ClientToken of a usage report: after a crash the same question is the same report. The day is in it because EC2
 * deletes reports after thirty: it may still know the token of one that is gone.
 * @param before the id of the newest report that EC2 has, empty where there is none
 * @param now milliseconds since the epoch
 */
export const usageToken = (imageId: string, before: string, now: number): string =>
  digestOf('usage', imageId, before, String(Math.floor(now / DAY_MS)));

/**
 * The ClientToken of one copy: 64 ASCII characters, the most that EC2 takes.
 * @param key the encryption asked for, empty where none is
 */
export function clientToken(copy: {
  readonly policyUid: string;
  readonly sourceImage: string;
  readonly source: Target;
  readonly target: Target;
  readonly key: string;
  readonly attempt: Attempt;
}): string {
  const { policyUid, sourceImage, source, target, key, attempt } = copy;
  return digestOf(
    'copy',
    policyUid,
    sourceImage,
    source.account,
    source.region,
    target.account,
    target.region,
    key,
    attempt.digest,
  );
}
