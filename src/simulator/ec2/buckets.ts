interface Size {
  readonly burst: number;
  readonly refill: number;
}

/** ec2-facts, section 4. */
const SIZES: Readonly<Record<string, Size>> = {
  CopyImage: { burst: 100, refill: 1 },
  DeregisterImage: { burst: 100, refill: 5 },
  ModifyImageAttribute: { burst: 100, refill: 5 },
  ModifySnapshotAttribute: { burst: 100, refill: 5 },
  CreateSnapshot: { burst: 100, refill: 5 },
  DeleteSnapshot: { burst: 100, refill: 5 },
  CreateTags: { burst: 100, refill: 10 },
  DeleteTags: { burst: 100, refill: 10 },
  EnableImageBlockPublicAccess: { burst: 1, refill: 0.1 },
  DisableImageBlockPublicAccess: { burst: 1, refill: 0.1 },
};
const READS: Size = { burst: 100, refill: 20 };
const OTHERS: Size = { burst: 50, refill: 5 };
const UNFILTERED: Size = { burst: 50, refill: 10 };

/** Token buckets for each account, region and action, in the time of the world. */
export class Buckets {
  readonly #state = new Map<string, { tokens: number; at: number }>();

  /**
   * @param unfiltered whether it is a listing with neither filter nor pages, which has a smaller bucket of its own
   * @returns false when there is none: the call is refused
   */
  take(account: string, region: string, action: string, now: number, unfiltered: boolean): boolean {
    const reads = /^(Describe|List|Get|Search)/.test(action);
    const size = SIZES[action] ?? (reads ? (unfiltered ? UNFILTERED : READS) : OTHERS);
    const key = `${account}/${region} ${action}${unfiltered ? ' unfiltered' : ''}`;
    const state = this.#state.get(key) ?? { tokens: size.burst, at: now };
    const tokens = Math.min(size.burst, state.tokens + ((now - state.at) / 1000) * size.refill);
    if (tokens < 1) {
      this.#state.set(key, { tokens, at: now });
      return false;
    }
    this.#state.set(key, { tokens: tokens - 1, at: now });
    return true;
  }
}
