import { granteesOf } from './launch-grants.ts';
import type { Call } from './plan.ts';

/** How often something was put right that somebody else undid, and when last, milliseconds since the epoch. */
export interface Contest {
  readonly count: number;
  readonly at: number;
}

/** What one grant of one image is contested under. */
export const contestKey = (resource: string, what: 'add' | 'remove', grantee: string): string =>
  `${resource} ${what} ${grantee}`;

/** So often a repair is made at once: a mistake, a replayed script. */
const FREE = 2;
const MINUTE_MS = 60_000;
const LONGEST_MS = 6 * 60 * MINUTE_MS;
/** Whatever stayed as it should for this long is contested no more. */
const FORGOTTEN_MS = 24 * 60 * MINUTE_MS;

/** When a contested grant is put right again; undefined: now. The pause doubles from ten minutes to six hours. */
export function heldUntil(contest: Contest | undefined, now: number): number | undefined {
  if (!contest || contest.count < FREE || now - contest.at > FORGOTTEN_MS) return undefined;
  const until = contest.at + Math.min(10 * MINUTE_MS * 2 ** (contest.count - FREE), LONGEST_MS);
  return now < until ? until : undefined;
}

/** The contest after one more repair. The first time is none: it may be what the policy has just begun to ask for. */
export function repaired(contest: Contest | undefined, now: number): Contest {
  if (!contest || now - contest.at > FORGOTTEN_MS) return { count: 0, at: now };
  return { count: contest.count + 1, at: now };
}

/** What a call gives or takes, by `contestKey`. */
export function contestedBy(call: Call): string[] {
  switch (call.do) {
    case 'makePublic':
      return [contestKey(call.imageId, 'add', 'everyone')];
    case 'modifyLaunch':
      return [
        ...granteesOf(call.add).map((each) => contestKey(call.imageId, 'add', each)),
        ...granteesOf(call.remove).map((each) => contestKey(call.imageId, 'remove', each)),
      ];
    case 'modifyVolume':
      return [
        ...call.add.map((each) => contestKey(call.snapshotId, 'add', each)),
        ...call.remove.map((each) => contestKey(call.snapshotId, 'remove', each)),
      ];
    default:
      return [];
  }
}
