import type { Objection } from './objection.ts';
import type { Pass } from './pass.ts';
import type { Version } from './versions.ts';

/** How many versions may still be deleted today. A version counts once, in however many targets it goes. */
export class DailyBudget {
  readonly #begun: Set<string>;
  readonly #limit: number;

  constructor(pass: Pass, limit: number) {
    this.#begun = new Set(pass.deletedToday);
    this.#limit = limit;
  }

  objection(version: Version): Objection | undefined {
    if (this.#begun.has(version.id) || this.#begun.size < this.#limit) return undefined;
    if (this.#limit === 0) {
      return {
        code: 'DeletionsStopped',
        message: 'kept: retention.maxDeletionsPerDay is 0, which stops all deletions',
      };
    }
    return {
      code: 'DailyLimit',
      message: `kept for today: ${this.#begun.size} versions were deleted, the most for one day (retention.maxDeletionsPerDay). It goes on tomorrow, UTC`,
    };
  }

  spend(version: Version): void {
    this.#begun.add(version.id);
  }
}
