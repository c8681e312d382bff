import { type Contest, contestedBy, repaired } from '../policy/contests.ts';
import type { Action } from '../policy/plan.ts';

/**
 * How often grants had to be put right, since this process runs. In memory alone: after a restart a contest is found again
 * by what it does.
 */
export class ContestLedger {
  readonly #contests = new Map<string, Contest>();

  get contests(): ReadonlyMap<string, Contest> {
    return this.#contests;
  }

  /** @param now milliseconds since the epoch */
  note(done: readonly Action[], now: number): void {
    for (const { kind, call } of done) {
      // A temporary grant comes and goes by this policy's own doing.
      if (kind === 'GrantTemporarily' || kind === 'RevokeTemporaryGrant') continue;
      for (const key of contestedBy(call)) {
        this.#contests.set(key, repaired(this.#contests.get(key), now));
        // What we ourselves have asked for the other way round was no other writer.
        this.#contests.delete(oppositeOf(key));
      }
    }
  }
}

const oppositeOf = (key: string): string =>
  key.includes(' add ') ? key.replace(' add ', ' remove ') : key.replace(' remove ', ' add ');
