import type { Clock } from '../ambient/clock.ts';
import type { AwsClients, CallOptions } from '../aws/aws-clients.ts';
import type { AccountAccess } from '../aws/credentials.ts';
import type { Inventories } from '../aws/inventories.ts';
import type { Owner } from '../policy/identity.ts';
import type { Target } from '../policy/model.ts';

const DAY_MS = 86_400_000;
/** After a failure an account is looked at again after this long. */
const RETRY_MS = 10 * 60_000;

/**
 * Looks for our tags in every enabled region of every usable account, at start and then daily, so that a target which a
 * policy no longer names is found again after a restart and can drain.
 */
export class Sweep {
  readonly #clients: AwsClients;
  readonly #inventories: Inventories;
  readonly #clock: Clock;
  /** By account: when it was last swept, and whether every region answered. */
  readonly #swept = new Map<string, { readonly at: number; readonly complete: boolean }>();
  readonly #running = new Map<string, Promise<void>>();

  constructor(clients: AwsClients, inventories: Inventories, clock: Clock) {
    this.#clients = clients;
    this.#inventories = inventories;
    this.#clock = clock;
  }

  /** Whether every enabled region of an account was looked at within the last day. */
  isComplete(account: string): boolean {
    return this.#swept.get(account)?.complete === true && !this.isDue(account);
  }

  isDue(account: string): boolean {
    const swept = this.#swept.get(account);
    return !swept || this.#clock.monotonic() - swept.at > (swept.complete ? DAY_MS : RETRY_MS);
  }

  /** Sweeps an account; whoever asks while it is being swept waits for the same sweep. Never fails: see `isComplete`. */
  async account(access: AccountAccess, options: CallOptions): Promise<void> {
    let running = this.#running.get(access.account);
    if (!running) {
      running = this.#sweep(access, options).finally(() => this.#running.delete(access.account));
      this.#running.set(access.account, running);
    }
    await running;
  }

  /** Sweeps an account anew, however lately it was swept. */
  async again(access: AccountAccess, options: CallOptions): Promise<void> {
    await this.#running.get(access.account);
    await this.account(access, options);
  }

  async #sweep(access: AccountAccess, options: CallOptions): Promise<void> {
    const at = this.#clock.monotonic();
    let complete = true;
    try {
      const regions = await this.#clients.regionsOf(access, options.signal);
      await Promise.all(
        [...regions].map(async (region) => {
          complete = (await this.#look({ account: access.account, region }, access, at, options)) && complete;
        }),
      );
    } catch {
      // The account cannot be used now; policies that need it say so by themselves.
      complete = false;
    }
    this.#swept.set(access.account, { at, complete });
  }

  async #look(target: Target, access: AccountAccess, at: number, options: CallOptions): Promise<boolean> {
    const { inventory } = this.#inventories.open(target, access, 'copies');
    try {
      await inventory.observe(at, { ...options, priority: 'sweep' });
    } catch {
      return false;
    }
    return true;
  }

  /** Targets in which something of a policy is, as far as they were ever looked at: in a sweep, or by any policy. */
  targetsWith(owner: Owner): Target[] {
    return this.#inventories.targetsWith(owner);
  }
}
