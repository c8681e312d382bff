import type { Clock } from '../ambient/clock.ts';
import type { AwsClients, CallOptions } from '../aws/aws-clients.ts';
import { confirmStrays } from '../aws/confirm-strays.ts';
import type { AccountAccess } from '../aws/credentials.ts';
import type { Inventories, OpenTarget } from '../aws/inventories.ts';
import type { Owner } from '../policy/identity.ts';
import type { Target } from '../policy/model.ts';
import { type Stray, straysIn } from '../policy/orphans.ts';

interface Found {
  readonly stray: Stray;
  readonly inventory: OpenTarget['inventory'];
}

const DAY_MS = 86_400_000;
/** After a failure an account is looked at again after this long. */
const RETRY_MS = 10 * 60_000;

/**
 * Looks for our tags in every enabled region of every usable account, at start and then daily, so that a target which a
 * policy no longer names is found again after a restart and can drain, and that what is left over is noticed.
 */
export class Sweep {
  readonly #clients: AwsClients;
  readonly #inventories: Inventories;
  readonly #clock: Clock;
  /** By account: when it was last swept, and whether every region answered. */
  readonly #swept = new Map<string, { readonly at: number; readonly complete: boolean }>();
  /** By account: what was astray then; none for an account of which that could not be told everywhere. */
  readonly #strays = new Map<string, readonly Found[]>();
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
    const { account } = access;
    const low: CallOptions = { ...options, priority: 'sweep' };
    let complete = true;
    let found: Found[] | undefined = [];
    try {
      const regions = await this.#clients.regionsOf(access, options.signal);
      await Promise.all(
        [...regions].map(async (region) => {
          const open = await this.#look({ account, region }, access, at, low);
          complete &&= open !== undefined;
          const here = open && (await straysOf(open, low));
          found = here && found?.concat(here);
        }),
      );
    } catch {
      // The account cannot be used now; policies that need it say so by themselves.
      complete = false;
    }
    this.#swept.set(account, { at, complete });
    if (complete && found) this.#strays.set(account, found);
    else this.#strays.delete(account);
  }

  /** The target, listed; undefined when it could not be. */
  async #look(
    target: Target,
    access: AccountAccess,
    at: number,
    options: CallOptions,
  ): Promise<OpenTarget | undefined> {
    const open = this.#inventories.open(target, access, 'copies');
    try {
      await open.inventory.observe(at, options);
    } catch {
      return undefined;
    }
    return open;
  }

  /**
   * What was astray in an account when it was last swept, and is still there as far as is known here; undefined when that
   * could not be told of every region.
   */
  straysIn(account: string): readonly Stray[] | undefined {
    return this.#strays
      .get(account)
      ?.filter(({ stray: { id }, inventory }) => inventory.snapshot(id) ?? inventory.image(id))
      .map(({ stray }) => stray);
  }

  /** Targets in which something of a policy is, as far as they were ever looked at: in a sweep, or by any policy. */
  targetsWith(owner: Owner): Target[] {
    return this.#inventories.targetsWith(owner);
  }
}

/** Undefined: it cannot be told. */
async function straysOf({ ec2, inventory }: OpenTarget, options: CallOptions): Promise<Found[] | undefined> {
  try {
    const strays = await confirmStrays(ec2, straysIn(ec2.target, inventory.view()), options);
    return strays.map((stray) => ({ stray, inventory }));
  } catch {
    return undefined;
  }
}
