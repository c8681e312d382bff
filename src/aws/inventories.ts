import type { Clock } from '../ambient/clock.ts';
import type { Owner } from '../policy/identity.ts';
import { type Tags, type Target, targetKey } from '../policy/model.ts';
import type { AwsClients, TargetServices } from './aws-clients.ts';
import type { Census } from './census.ts';
import type { AccountAccess } from './credentials.ts';
import { ImageReads } from './image-reads.ts';
import { Interner } from './interner.ts';
import type { Scope } from './listing.ts';
import { SETTLES_WITHIN_MS } from './overlay.ts';
import { TargetInventory } from './target-inventory.ts';

/** A target that can be talked to. */
export interface OpenTarget extends TargetServices {
  readonly inventory: TargetInventory;
  readonly images: ImageReads;
  readonly clock: Clock;
}

export interface TargetCensus {
  readonly target: Target;
  /** When the listing that is gone by was begun, and when somebody last asked for one. */
  readonly listedAt: number;
  readonly askedAt: number;
  readonly census: Census;
}

/** The inventories of all targets: one for each target and way to reach it, whoever asks. */
export class Inventories {
  readonly #clients: AwsClients;
  readonly #clock: Clock;
  readonly #interner = new Interner();
  readonly #open = new Map<string, OpenTarget>();
  /** Since when no other process writes. */
  #since: number;

  constructor(clients: AwsClients, clock: Clock) {
    this.#clients = clients;
    this.#clock = clock;
    this.#since = clock.monotonic();
  }

  /** Another process has written until now. */
  takeOver(): void {
    this.#since = this.#clock.monotonic();
  }

  /** Milliseconds until what an earlier process may have written is visible for certain; 0 when it is. */
  unsettledMs(): number {
    return Math.max(0, this.#since + SETTLES_WITHIN_MS - this.#clock.monotonic());
  }

  /**
   * What was read before this, monotonic milliseconds, may not show what an earlier process has written, and by now there
   * is better: -Infinity until there is.
   */
  settledFrom(): number {
    return this.unsettledMs() > 0 ? Number.NEGATIVE_INFINITY : this.#since + SETTLES_WITHIN_MS;
  }

  open(target: Target, access: AccountAccess, scope: Scope): OpenTarget {
    const key = [targetKey(target), access.roleArn ?? '', access.externalId ?? ''].join(' ');
    let open = this.#open.get(key);
    if (!open) {
      const services = this.#clients.services(target, access);
      open = {
        ...services,
        clock: this.#clock,
        images: new ImageReads(services.ec2, this.#clock),
        inventory: new TargetInventory(services, this.#clock, () => this.#clients.time.now(), scope, this.#interner),
      };
      this.#open.set(key, open);
    }
    if (scope === 'own') open.inventory.widen();
    return open;
  }

  /** How many images with tags that `isWanted` accepts an account has, by what was last listed of it. */
  imagesIn(account: string, isWanted: (tags: Tags) => boolean): number {
    const ids = new Set<string>();
    for (const { ec2, inventory } of this.#open.values()) {
      if (ec2.target.account !== account) continue;
      for (const { id, tags } of inventory.view().images.values()) if (isWanted(tags)) ids.add(id);
    }
    return ids.size;
  }

  /**
   * What is known of a cluster in each target that was ever listed; times are monotonic milliseconds. Of several ways to
   * reach a target the one that was listed last counts.
   */
  censuses(cluster: string): readonly TargetCensus[] {
    const newest = new Map<string, TargetCensus>();
    for (const { ec2, inventory } of this.#open.values()) {
      const { target } = ec2;
      const { listedAt, askedAt } = inventory;
      const census = inventory.census(cluster);
      if (listedAt === undefined || !census) continue;
      const other = newest.get(targetKey(target));
      if (!other || other.listedAt < listedAt) newest.set(targetKey(target), { target, listedAt, askedAt, census });
    }
    return [...newest.values()];
  }

  /** Targets in which a policy, or one that it succeeds, has something, as far as they were ever looked at. */
  targetsWith(owner: Owner): Target[] {
    const targets = new Map<string, Target>();
    for (const { ec2, inventory } of this.#open.values())
      if (inventory.holds(owner)) targets.set(targetKey(ec2.target), ec2.target);
    return [...targets.values()];
  }
}
