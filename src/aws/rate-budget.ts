import type { Clock } from '../ambient/clock.ts';
import type { Delay } from '../policy/delay.ts';
import { type Target, targetKey } from '../policy/model.ts';
import { sizeOf } from './bucket-sizes.ts';
import { Callers } from './callers.ts';
import { heldBack } from './held-back.ts';
import type { Permit } from './permit.ts';
import type { Priority } from './priority.ts';
import { TokenBucket } from './token-bucket.ts';
import { type Request, Turns } from './turns.ts';

/** The part of each bucket that is used unless somebody says otherwise: all principals of an account draw on the same ones. */
export const DEFAULT_SHARE = 0.8;
/** Who waits for many tokens comes again when so many have come for it: neither for each, nor only for all. */
const BATCH_MS = 5000;
/** How often to look whether what is under way has ended. */
const ENDED_POLL_MS = 15_000;
/** After AWS has said that as much is under way as it allows, nothing is begun for so long: others are at it, too. */
const FULL_MS = 60_000;

/** One bucket as metrics show it. */
export interface BucketReading {
  readonly target: Target;
  readonly action: string;
  /** Calls that could be made at once. */
  readonly tokens: number;
  /** The most that `tokens` can be. */
  readonly capacity: number;
  /** Tokens that come back in a second, now. */
  readonly refill: number;
  /** Calls that wait for a token. */
  readonly waiting: number;
}

/** How many at a time AWS lets run of what a call begins. */
export interface Ceiling {
  readonly most: number;
  /** How many were seen to run. */
  readonly running: number;
}

/** How many calls may be made now. */
export interface Admission {
  readonly permits: readonly Permit[];
  /** Why the others must wait; undefined when there are none. */
  readonly delay?: Delay;
}

interface Bucket {
  readonly target: Target;
  readonly action: string;
  readonly tokens: TokenBucket;
  readonly callers: Callers;
  readonly turns: Turns;
  /** Permits that are given and not released. */
  inHand: number;
  /** Until then as much is under way as AWS allows. */
  fullUntil: number;
  /** Permits of an earlier one are void. */
  epoch: number;
  cancelTimer: (() => void) | undefined;
}

/**
 * Keeps calls within what AWS allows: one token bucket for each account, region and action, as AWS has them. There are two
 * ways to a token: `acquire` waits for one, which is for reads, and `admit` gives as many as there are now and says when to
 * come again, which is for the actions of a plan, so that no pass stands still. Both serve by priority, and flows of the
 * same priority in turn.
 */
export class RateBudget {
  /** The part of each bucket, and of each quota on what runs at a time, that is used; above 0, at most 1. */
  readonly share: number;
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock, share: number = DEFAULT_SHARE) {
    this.#clock = clock;
    this.share = share;
  }

  /**
   * Resolves when the call may be made.
   * @throws AwsError of class throttle, at once, while AWS refuses nearly everything: nobody waits for that
   * @throws the signal's reason when it aborts first; no token is used then
   */
  async acquire(
    target: Target,
    action: string,
    given: { readonly priority?: Priority; readonly flow?: string; readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    const { priority = 'normal', flow = '', signal } = given;
    signal?.throwIfAborted();
    const bucket = this.#bucket(target, action);
    const { tokens, callers } = bucket;
    const now = this.#clock.monotonic();
    if (tokens.shutMs(now) > 0) throw heldBack(action, target);
    if (tokens.whole(now) > 0 && callers.count === 0) {
      tokens.take(1, now);
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        callers.remove(caller);
        if (callers.count === 0) stopTimer(bucket);
        reject(signal?.reason);
      };
      const ended = (): void => signal?.removeEventListener('abort', onAbort);
      const caller = {
        priority,
        flow,
        since: now,
        go: (): void => {
          ended();
          resolve();
        },
        refuse: (why: Error): void => {
          ended();
          reject(why);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      callers.add(caller);
      this.#serve(bucket);
    });
  }

  /**
   * Gives permits for as many calls as may be made now, and never more than are wanted. Each must be released. What is not
   * given is remembered for a while, so that nobody else gets it: ask again after `delay.afterMs`, for all that is wanted
   * then.
   */
  admit(target: Target, action: string, request: Request, ceiling?: Ceiling): Admission {
    const bucket = this.#bucket(target, action);
    const { tokens, turns } = bucket;
    const now = this.#clock.monotonic();
    const fullMs = Math.max(0, bucket.fullUntil - now);
    const room = ceiling && (fullMs > 0 ? 0 : Math.max(0, ceiling.most - ceiling.running - bucket.inHand));
    const whole = Math.max(0, tokens.whole(now) - bucket.callers.count);
    const batch = Math.max(1, Math.ceil((tokens.refill * BATCH_MS) / 1000));
    const part = turns.take(request, Math.min(whole, room ?? whole), batch, now);
    tokens.take(part.count, now);
    const permits = Array.from({ length: part.count }, () => this.#permit(bucket));
    if (part.ahead === 0) return { permits };
    const forTokens = tokens.msUntil(part.ahead, now);
    const isFull = room !== undefined && room < whole;
    const afterMs = isFull ? Math.max(forTokens, fullMs, ENDED_POLL_MS) : forTokens;
    turns.expect(request.flow, now + afterMs);
    if (tokens.isSlowed) return { permits, delay: { because: 'refused', afterMs } };
    if (isFull) return { permits, delay: { because: 'ceiling', afterMs } };
    return { permits, delay: { because: 'rate', afterMs, perSecond: tokens.fullRefill } };
  }

  /** AWS has refused a call for too many: what was let through and is not sent yet would be refused, too. */
  refused(target: Target, action: string): void {
    const bucket = this.#bucket(target, action);
    const now = this.#clock.monotonic();
    bucket.epoch += 1;
    bucket.tokens.refuse(now);
    if (bucket.tokens.shutMs(now) === 0) return;
    stopTimer(bucket);
    for (const caller of bucket.callers.all()) caller.refuse(heldBack(action, target));
  }

  /** AWS has refused a call because as much as it allows is under way: somebody else has begun some, too. */
  full(target: Target, action: string): void {
    const bucket = this.#bucket(target, action);
    bucket.epoch += 1;
    bucket.fullUntil = this.#clock.monotonic() + FULL_MS;
  }

  /** AWS has let a call pass. */
  accepted(target: Target, action: string): void {
    this.#bucket(target, action).tokens.accept();
  }

  /** What is left in each bucket that was ever used. */
  read(): BucketReading[] {
    const now = this.#clock.monotonic();
    return [...this.#buckets.values()].map(({ target, action, tokens, callers, turns }) => ({
      target,
      action,
      tokens: tokens.tokens(now),
      capacity: tokens.burst,
      refill: tokens.refill,
      waiting: callers.count + turns.waiting,
    }));
  }

  #bucket(target: Target, action: string): Bucket {
    const key = `${targetKey(target)} ${action}`;
    let bucket = this.#buckets.get(key);
    if (!bucket) {
      bucket = {
        target,
        action,
        tokens: new TokenBucket(sizeOf(action), this.share, this.#clock.monotonic()),
        callers: new Callers(),
        turns: new Turns(),
        inHand: 0,
        fullUntil: Number.NEGATIVE_INFINITY,
        epoch: 0,
        cancelTimer: undefined,
      };
      this.#buckets.set(key, bucket);
    }
    return bucket;
  }

  #permit(bucket: Bucket): Permit {
    const { epoch } = bucket;
    let state: 'fresh' | 'spent' | 'released' = 'fresh';
    bucket.inHand += 1;
    return {
      action: bucket.action,
      spend: () => {
        if (state !== 'fresh') return 'used';
        if (epoch !== bucket.epoch) return 'void';
        state = 'spent';
        return 'spent';
      },
      release: () => {
        if (state === 'released') return;
        // After a refusal the bucket is empty, whatever was taken out of it before.
        if (state === 'fresh' && epoch === bucket.epoch) bucket.tokens.giveBack(1, this.#clock.monotonic());
        state = 'released';
        bucket.inHand -= 1;
      },
    };
  }

  /** Lets through who can go, and sets a timer for the next one. */
  #serve(bucket: Bucket): void {
    const { tokens, callers } = bucket;
    const now = this.#clock.monotonic();
    while (tokens.whole(now) > 0) {
      const next = callers.next();
      if (!next) break;
      tokens.take(1, now);
      next.go();
    }
    if (bucket.cancelTimer || callers.count === 0) return;
    bucket.cancelTimer = this.#clock.after(tokens.msUntil(1, now), () => {
      bucket.cancelTimer = undefined;
      this.#serve(bucket);
    });
  }
}

function stopTimer(bucket: Bucket): void {
  bucket.cancelTimer?.();
  bucket.cancelTimer = undefined;
}
