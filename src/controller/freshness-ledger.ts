import type { Clock } from '../ambient/clock.ts';
import type { Freshness } from './observe.ts';

/**
 * Where something is under way, a listing that is not older than this is good enough for a pass between two polls:
 * edits that follow each other closely would otherwise list every such target, each time and in each of their rounds,
 * and then wait for the rate budget that they have used up themselves.
 */
const MOVING_FRESH_MS = 2500;
/** What keeps an image is asked for again after this; before one goes, everything that speaks for it is asked anew. */
const EVIDENCE_FRESH_MS = 60 * 60_000;
/** A permission that was there is asked for again after this; one that was not, with each look at everything. */
const ALLOWED_FRESH_MS = 60 * 60_000;

/** How fresh what the next pass over each policy goes by must be. All times are monotonic milliseconds. */
export class FreshnessLedger {
  readonly #clock: Clock;
  readonly #verifyMs: number;
  /** Permissions that were read before this process are nobody's. */
  readonly #since: number;
  /** One tick for all: what one policy has listed since, the others use. */
  #resyncAt: number;
  /** By policy: since when nothing of before is to be believed, because a user said so. */
  readonly #afresh = new Map<string, number>();
  /** By policy: from when on a listing is good enough, because a pass failed then. */
  readonly #rereadFrom = new Map<string, number>();
  /** By policy: from when on a listing of what is under way is good enough for its poll. */
  readonly #pollFrom = new Map<string, number>();

  /** @param verifyMs within which permissions that somebody has changed are found */
  constructor(clock: Clock, verifyMs: number) {
    this.#clock = clock;
    this.#verifyMs = verifyMs;
    this.#since = clock.monotonic();
    this.#resyncAt = this.#since;
  }

  /** Everything is to be listed again. */
  resync(): void {
    this.#resyncAt = this.#clock.monotonic();
  }

  /** Whatever is remembered, AWS is to be looked at again for this policy. */
  lookAfresh(key: string): void {
    this.#afresh.set(key, this.#clock.monotonic());
  }

  forget(key: string): void {
    for (const map of [this.#afresh, this.#rereadFrom, this.#pollFrom]) map.delete(key);
  }

  /** What a pass that begins now goes by. */
  of(key: string): Freshness {
    const begun = this.#clock.monotonic();
    const asked = this.#afresh.get(key) ?? 0;
    const from = Math.max(this.#resyncAt, asked);
    const poll = this.#pollFrom.get(key) ?? 0;
    return {
      listing: Math.max(from, this.#rereadFrom.get(key) ?? 0),
      moving: poll <= begun ? poll : begun - MOVING_FRESH_MS,
      grants: Math.max(asked, this.#since),
      verifyMs: this.#verifyMs,
      evidence: Math.max(asked, begun - EVIDENCE_FRESH_MS),
      unanswered: begun,
      allowed: Math.max(asked, begun - ALLOWED_FRESH_MS),
      denied: from,
    };
  }

  /** A pass that began at `begun` has ended, and what it went by holds. */
  passed(key: string): void {
    this.#pollFrom.delete(key);
    this.#rereadFrom.delete(key);
  }

  /** A pass that began at `begun` is to be tried again: what failed may have been read wrong, so it is read again. */
  failed(key: string, begun: number): void {
    this.#rereadFrom.set(key, begun);
  }

  /** Polls of all policies with copies in a target share one listing when they fall close together. */
  polls(key: string, begun: number, afterMs: number): void {
    this.#pollFrom.set(key, begun + afterMs / 2);
  }
}
