/** How often an action was called in a place. */
export interface CallCount {
  readonly action: string;
  readonly account: string;
  readonly region: string;
  readonly count: number;
  readonly throttled: number;
  readonly failed: number;
}

/** Counts calls, those that were refused included. */
export class CallLog {
  readonly #counts = new Map<
    string,
    { action: string; account: string; region: string; count: number; throttled: number; failed: number }
  >();

  note(action: string, account: string, region: string, outcome: 'ok' | 'throttled' | 'failed'): void {
    const key = `${action} ${account} ${region}`;
    const entry = this.#counts.get(key) ?? { action, account, region, count: 0, throttled: 0, failed: 0 };
    entry.count++;
    if (outcome !== 'ok') entry[outcome]++;
    this.#counts.set(key, entry);
  }

  counts(): CallCount[] {
    return [...this.#counts.keys()].sort().map((key) => ({ ...(this.#counts.get(key) as CallCount) }));
  }

  reset(): void {
    this.#counts.clear();
  }
}
