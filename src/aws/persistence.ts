import { type Clock, sleep } from '../ambient/clock.ts';
import type { Random } from '../ambient/random.ts';
import type { Target } from '../policy/model.ts';
import { toAwsError } from './error-table.ts';
import { HeldBack } from './held-back.ts';

const TRIES = 4;
/** The pause before try n+1 is a random part of this times 2^n, up to the longest. */
const BACKOFF_MS = 200;
const LONGEST_BACKOFF_MS = 5000;

/** What is to be done again when it fails. */
export interface Attempt<T> {
  readonly action: string;
  readonly target: Target;
  /** Whether it may be repeated although it may have had its effect. What surely had none is repeated in any case. */
  readonly repeatable: boolean;
  /** Whether one that was throttled is left to the caller, who has something else to do meanwhile. Default: false. */
  readonly leavesThrottled?: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly run: () => Promise<T>;
}

/** Repeats calls that were throttled or failed in passing, with pauses of random length (full jitter). */
export class Persistence {
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** @throws what the last try has thrown, as it is, or the reason of the signal */
  async persist<T>({ action, target, repeatable, leavesThrottled = false, signal, run }: Attempt<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await run();
      } catch (thrown) {
        if (signal?.aborted && thrown === signal.reason) throw thrown;
        const error = toAwsError(thrown, action, target);
        if (error instanceof HeldBack || (leavesThrottled && error.class === 'throttle')) throw thrown;
        const again = error.class === 'throttle' || (error.class === 'transient' && (repeatable || error.certain));
        if (!again || tries >= TRIES) throw thrown;
        const longest = Math.min(BACKOFF_MS * 2 ** tries, LONGEST_BACKOFF_MS);
        await sleep(this.#clock, this.#random.next() * longest, signal);
      }
    }
  }
}

/**
 * Whether a request was turned away because the machine's clock is off. The SDK finds that by the Date of the answer, and
 * that client signs by the time of AWS from then on. It says so of every failure, so the code must fit as well.
 */
export function wasSignedWrong(thrown: unknown): boolean {
  if (typeof thrown !== 'object' || thrown === null || !('$metadata' in thrown) || !('name' in thrown)) return false;
  const { clockSkewCorrected } = thrown.$metadata as { readonly clockSkewCorrected?: boolean };
  const isAboutAnImage = 'message' in thrown && String(thrown.message).startsWith('Not authorized for');
  return clockSkewCorrected === true && SIGNED_WRONG.has(String(thrown.name)) && !isAboutAnImage;
}

/** How EC2 and STS say that the time of a signature is too far from theirs. */
const SIGNED_WRONG: ReadonlySet<string> = new Set([
  'AuthFailure',
  'InvalidSignatureException',
  'RequestExpired',
  'RequestTimeTooSkewed',
  'SignatureDoesNotMatch',
]);

/** Runs once more what was turned away for a reason that is gone now: new keys, or a corrected clock. */
export async function withSecondChance<T>(run: () => Promise<T>, isGone: (thrown: unknown) => boolean): Promise<T> {
  try {
    return await run();
  } catch (thrown) {
    if (!isGone(thrown)) throw thrown;
    return await run();
  }
}
