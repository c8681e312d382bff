import type { Failure } from '../policy/failure.ts';
import { lendsFor, type RefusedCopy } from '../policy/refused-copies.ts';

const HOUR_MS = 60 * 60_000;

/**
 * Copies that EC2 has refused although their origin was opened for them, by the token of the request, for an hour. In
 * memory alone: after a restart each is tried once more.
 */
export class RefusalLedger {
  readonly #refused = new Map<string, RefusedCopy & { readonly at: number }>();

  /** @param now monotonic milliseconds */
  note(failures: readonly Failure[], now: number): void {
    for (const { action, code, message, effect } of failures)
      if (effect === 'stalls' && action.call.do === 'copy' && lendsFor(action.call, action.target))
        this.#refused.set(action.call.token, { code, message, at: now });
  }

  /** Those that count still. @param from monotonic milliseconds: what was refused earlier is tried again */
  since(from: number, now: number): ReadonlyMap<string, RefusedCopy> {
    for (const [token, { at }] of this.#refused) if (now - at > HOUR_MS) this.#refused.delete(token);
    return new Map([...this.#refused].filter(([, { at }]) => at >= from));
  }
}
