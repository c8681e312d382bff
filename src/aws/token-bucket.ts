import type { Size } from './bucket-sizes.ts';

/** Each refusal halves the refill, down to this part of it. */
const LEAST = 1 / 16;
/** Of calls that were under way together, and were refused together, only the first counts. */
const ONE_REFUSAL_MS = 1000;
/** It grows back by this part of the whole for each of these periods without a refusal. */
const RECOVERY = 1 / 8;
const RECOVERY_MS = 15_000;
/** After so many refusals in a row, none of which a call that passed has interrupted, the bucket is shut for a while. */
const REFUSALS_TO_SHUT = 5;
/** For how long at first; it doubles each time until a call passes. */
const SHUT_MS = 5000;
const LONGEST_SHUT_MS = 120_000;
/** A whole token, less what floating point loses. */
const ENOUGH = 1 - 1e-9;

/**
 * What may be used of one bucket of AWS, in the time that it is told: a share of its size, less while AWS refuses calls,
 * which means that somebody else draws on the bucket too, or that it is smaller than we think. Where nothing but refusals
 * comes it is shut, and tried again ever more rarely: until then nobody waits for it.
 */
export class TokenBucket {
  /** Calls that can be made at once after a rest. */
  readonly burst: number;
  readonly #refill: number;
  #tokens: number;
  #filledAt: number;
  /** The part of the refill that is used, 1 when AWS has not refused anything lately. */
  #speed = 1;
  #speedSince: number;
  #refusedAt = Number.NEGATIVE_INFINITY;
  /** In a row: without a call that passed between them. */
  #refusals = 0;
  #shuts = 0;
  #shutUntil = Number.NEGATIVE_INFINITY;

  /** @param share the part of the bucket that is ours; it always has room for one token */
  constructor({ burst, refill }: Size, share: number, now: number) {
    this.burst = Math.max(1, burst * share);
    this.#refill = refill * share;
    this.#tokens = this.burst;
    this.#filledAt = now;
    this.#speedSince = now;
  }

  /** Calls that could be made at once, with its fraction. */
  tokens(now: number): number {
    this.#fill(now);
    return this.#tokens;
  }

  /** Whole calls that could be made at once; 0 while it is shut. */
  whole(now: number): number {
    return this.shutMs(now) > 0 ? 0 : Math.floor(this.tokens(now) + 1 - ENOUGH);
  }

  /** Tokens that come back in a second, now. */
  get refill(): number {
    return this.#refill * this.#speed;
  }

  /** Tokens that come back in a second when AWS refuses nothing. */
  get fullRefill(): number {
    return this.#refill;
  }

  /** Whether AWS has refused a call lately. */
  get isSlowed(): boolean {
    return this.#speed < 1;
  }

  /** Milliseconds for which nothing is let through; 0 when it is not shut. */
  shutMs(now: number): number {
    return Math.max(0, this.#shutUntil - now);
  }

  take(count: number, now: number): void {
    this.#fill(now);
    this.#tokens -= count;
  }

  giveBack(count: number, now: number): void {
    this.#fill(now);
    this.#tokens = Math.min(this.burst, this.#tokens + count);
  }

  /** Milliseconds until there are so many tokens have come at the refill of now; 0 when they are there. */
  msUntil(count: number, now: number): number {
    const missing = count - this.tokens(now);
    const refilled = missing < 1e-9 ? 0 : Math.ceil((missing / this.refill) * 1000);
    return Math.max(this.shutMs(now), refilled);
  }

  /** AWS has refused a call. */
  refuse(now: number): void {
    this.#fill(now);
    this.#speedSince = now;
    // It was under way when the bucket was shut, and tells nothing new.
    if (this.shutMs(now) > 0) return;
    this.#tokens = 0;
    if (now - this.#refusedAt < ONE_REFUSAL_MS) return;
    this.#refusedAt = now;
    this.#speed = Math.max(LEAST, this.#speed / 2);
    this.#refusals += 1;
    if (this.#refusals < REFUSALS_TO_SHUT) return;
    this.#shutUntil = now + Math.min(LONGEST_SHUT_MS, SHUT_MS * 2 ** this.#shuts);
    this.#shuts += 1;
    // The one call that is let through then finds its token.
    this.#tokens = 1;
  }

  /** AWS has let a call pass. */
  accept(): void {
    this.#refusals = 0;
    this.#shuts = 0;
  }

  #fill(now: number): void {
    // At the speed that was in force: what has been recovered since counts from now on.
    const gained = ((now - this.#filledAt) / 1000) * this.refill;
    this.#tokens = Math.min(this.burst, this.#tokens + gained);
    this.#filledAt = now;
    const periods = Math.floor((now - this.#speedSince) / RECOVERY_MS);
    this.#speed = Math.min(1, this.#speed + periods * RECOVERY);
    this.#speedSince += periods * RECOVERY_MS;
  }
}
