import type { Clock } from '../ambient/clock.ts';

/** Allows `capacity` things at once, and then one every `refillMs` milliseconds. */
export class TokenBucket {
  readonly #clock: Clock;
  readonly #capacity: number;
  readonly #refillMs: number;
  #tokens: number;
  #countedAt: number;

  constructor(clock: Clock, capacity: number, refillMs: number) {
    this.#clock = clock;
    this.#capacity = capacity;
    this.#refillMs = refillMs;
    this.#tokens = capacity;
    this.#countedAt = clock.monotonic();
  }

  /** Takes a token. False when there is none. */
  take(): boolean {
    this.#count();
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  isFull(): boolean {
    this.#count();
    return this.#tokens >= this.#capacity;
  }

  #count(): void {
    const now = this.#clock.monotonic();
    this.#tokens = Math.min(this.#capacity, this.#tokens + (now - this.#countedAt) / this.#refillMs);
    this.#countedAt = now;
  }
}
