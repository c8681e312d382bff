import type { Clock } from '../ambient/clock.ts';
import { type Target, targetKey } from '../policy/model.ts';
import { isRead } from './error-table.ts';

/** User edits and what follows from them; the usual; what has all day. */
export type Priority = 'user' | 'normal' | 'sweep';
const ORDER: readonly Priority[] = ['user', 'normal', 'sweep'];

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
  readonly waiting: number;
}

interface Size {
  readonly burst: number;
  /** Tokens a second. */
  readonly refill: number;
}

/** ec2-facts, section 4, for the actions that this program calls. */
const SIZES: ReadonlyMap<string, Size> = new Map([
  ['CopyImage', { burst: 100, refill: 1 }],
  ['DeregisterImage', { burst: 100, refill: 5 }],
  ['ModifyImageAttribute', { burst: 100, refill: 5 }],
  ['ModifySnapshotAttribute', { burst: 100, refill: 5 }],
  ['DeleteSnapshot', { burst: 100, refill: 5 }],
  ['CreateTags', { burst: 100, refill: 10 }],
  ['DeleteTags', { burst: 100, refill: 10 }],
  // By the standard throughput of SSM, which is not documented per action for all of them.
  ['PutParameter', { burst: 3, refill: 3 }],
  ['AddTagsToResource', { burst: 5, refill: 5 }],
  ['DeleteParameter', { burst: 5, refill: 5 }],
  ['DescribeParameters', { burst: 5, refill: 3 }],
]);
const READS: Size = { burst: 100, refill: 20 };
const OTHER_WRITES: Size = { burst: 50, refill: 5 };
/** Everybody in the account draws on the same buckets; this much is ours. */
const SHARE = 0.8;
/** Each refusal halves the refill, down to this part of it. */
const LEAST = 1 / 16;
/** Of calls that were under way together, and were refused together, only the first halves it. */
const ONE_REFUSAL_MS = 1000;
/** It grows back by this part of the whole for each of these periods without a refusal. */
const RECOVERY = 1 / 8;
const RECOVERY_MS = 15_000;
/** So many may go before somebody of a lower priority. */
const PATIENCE = 16;

interface Waiting {
  readonly since: number;
  readonly go: () => void;
}

interface Bucket {
  readonly target: Target;
  readonly action: string;
  readonly size: Size;
  tokens: number;
  filledAt: number;
  /** The part of the refill that is used, 1 when EC2 has not refused anything lately. */
  speed: number;
  speedSince: number;
  refusedAt: number;
  readonly queues: Readonly<Record<Priority, Waiting[]>>;
  /** How many were let through while somebody with a lower priority waited. */
  overtaken: number;
  cancelTimer: (() => void) | undefined;
}

/**
 * Keeps calls within what EC2 allows: one token bucket for each account, region and action, as EC2 has them. Who waits is
 * served by priority, then in order. A timer is set only while somebody waits.
 */
export class RateBudget {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Resolves when the call may be made.
   * @throws the signal's reason when it aborts first; no token is used then
   */
  async acquire(
    target: Target,
    action: string,
    { priority = 'normal', signal }: { readonly priority?: Priority; readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    signal?.throwIfAborted();
    const bucket = this.#bucket(target, action);
    this.#fill(bucket);
    if (bucket.tokens >= 1 && waiting(bucket) === 0) {
      bucket.tokens -= 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const queue = bucket.queues[priority];
      const onAbort = (): void => {
        queue.splice(queue.indexOf(entry), 1);
        if (waiting(bucket) === 0) stopTimer(bucket);
        reject(signal?.reason);
      };
      const go = (): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      const entry: Waiting = { since: this.#clock.monotonic(), go };
      signal?.addEventListener('abort', onAbort, { once: true });
      queue.push(entry);
      this.#serve(bucket);
    });
  }

  /** EC2 has refused a call: somebody else draws on the bucket too, or it is smaller than we think. */
  throttled(target: Target, action: string): void {
    const bucket = this.#bucket(target, action);
    this.#fill(bucket);
    bucket.tokens = 0;
    const now = this.#clock.monotonic();
    if (now - bucket.refusedAt >= ONE_REFUSAL_MS) {
      bucket.speed = Math.max(LEAST, bucket.speed / 2);
      bucket.refusedAt = now;
    }
    bucket.speedSince = now;
  }

  /** What is left in each bucket that was ever used. */
  read(): BucketReading[] {
    return [...this.#buckets.values()].map((bucket) => {
      this.#fill(bucket);
      const { target, action, tokens, size } = bucket;
      return {
        target,
        action,
        tokens,
        capacity: size.burst * SHARE,
        refill: refillOf(bucket),
        waiting: waiting(bucket),
      };
    });
  }

  #bucket(target: Target, action: string): Bucket {
    const key = `${targetKey(target)} ${action}`;
    let bucket = this.#buckets.get(key);
    if (!bucket) {
      const size = SIZES.get(action) ?? (isRead(action) ? READS : OTHER_WRITES);
      const now = this.#clock.monotonic();
      bucket = {
        target,
        action,
        size,
        tokens: size.burst * SHARE,
        filledAt: now,
        speed: 1,
        speedSince: now,
        refusedAt: Number.NEGATIVE_INFINITY,
        queues: { user: [], normal: [], sweep: [] },
        overtaken: 0,
        cancelTimer: undefined,
      };
      this.#buckets.set(key, bucket);
    }
    return bucket;
  }

  #fill(bucket: Bucket): void {
    const now = this.#clock.monotonic();
    // At the speed that was in force: what has been recovered since counts from now on.
    const gained = ((now - bucket.filledAt) / 1000) * refillOf(bucket);
    bucket.tokens = Math.min(bucket.size.burst * SHARE, bucket.tokens + gained);
    bucket.filledAt = now;
    const periods = Math.floor((now - bucket.speedSince) / RECOVERY_MS);
    bucket.speed = Math.min(1, bucket.speed + periods * RECOVERY);
    bucket.speedSince += periods * RECOVERY_MS;
  }

  /** Lets through who can go, and sets a timer for the next one. */
  #serve(bucket: Bucket): void {
    this.#fill(bucket);
    while (bucket.tokens >= ENOUGH) {
      const next = takeNext(bucket);
      if (!next) break;
      bucket.tokens -= 1;
      next.go();
    }
    if (bucket.cancelTimer || waiting(bucket) === 0) return;
    const wait = ((1 - bucket.tokens) / refillOf(bucket)) * 1000;
    bucket.cancelTimer = this.#clock.after(Math.ceil(wait), () => {
      bucket.cancelTimer = undefined;
      this.#serve(bucket);
    });
  }
}

/** A whole token, less what floating point loses. */
const ENOUGH = 1 - 1e-9;

const refillOf = ({ size, speed }: Bucket): number => size.refill * SHARE * speed;

const waiting = ({ queues }: Bucket): number => ORDER.reduce((sum, priority) => sum + queues[priority].length, 0);

/** The first of the highest priority; but every so often who has waited longest below it, so that no one starves (S9). */
function takeNext(bucket: Bucket): Waiting | undefined {
  const [highest, ...lower] = ORDER.map((priority) => bucket.queues[priority]).filter(({ length }) => length > 0);
  bucket.overtaken = lower.length === 0 ? 0 : bucket.overtaken + 1;
  if (bucket.overtaken <= PATIENCE) return highest?.shift();
  bucket.overtaken = 0;
  const since = (queue: readonly Waiting[]): number => queue[0]?.since ?? Number.POSITIVE_INFINITY;
  return lower.reduce((oldest, queue) => (since(queue) < since(oldest) ? queue : oldest)).shift();
}

function stopTimer(bucket: Bucket): void {
  bucket.cancelTimer?.();
  bucket.cancelTimer = undefined;
}
