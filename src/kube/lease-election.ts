import type { Clock } from '../ambient/clock.ts';
import { sleep } from '../ambient/clock.ts';
import type { Random } from '../ambient/random.ts';
import { isConflict, isNotFound } from './errors.ts';
import { type LeaseSpec, microTime, moveOf, type Observation, observed, type SeenLease } from './lease-step.ts';
import { type KubeObject, ResourceClient } from './resource-client.ts';
import type { Transport } from './transport.ts';

export type Lease = KubeObject & { readonly spec?: LeaseSpec };

const LEASES = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
} as const;

export interface ElectionOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** The lease must be there: it is part of the installation, and never created. */
  readonly namespace: string;
  readonly name: string;
  /** Unlike that of any other replica, also of an earlier life of this one. */
  readonly identity: string;
  /** How long a lease lives without being renewed, milliseconds. Default 15,000. */
  readonly durationMs?: number;
  /** How long after its last renewal the leader goes on acting. Default 10,000; it must be less than `durationMs`. */
  readonly renewDeadlineMs?: number;
  /**
   * Between two renewals. Default 2,000. Who waits for the lease looks at it twice as often: one that is given back is
   * taken within 1.2 seconds.
   */
  readonly retryMs?: number;
  readonly onTrouble?: (error: unknown) => void;
}

/** The time in which this replica may act. */
export interface Leadership {
  /** Aborts when the lease is lost: work under way ends. */
  readonly lost: AbortSignal;
  /**
   * Whether a write may be begun now. Goes by the monotonic clock alone, and so also holds where the event loop was
   * blocked for longer than the lease lives (S10: AWS knows no fencing tokens).
   */
  holds(): boolean;
  /** Gives the lease back, so that the next replica need not wait for it to run out. Does nothing when it is lost. */
  release(): Promise<void>;
}

/**
 * Leader election by a `Lease`, after client-go: expiry is judged by how long the lease has not changed before our own
 * eyes, every write carries the resourceVersion that was read, and a leader stops well before others may take over.
 */
export class LeaseElection {
  readonly #client: ResourceClient<Lease>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #namespace: string;
  readonly #name: string;
  readonly #identity: string;
  readonly #durationMs: number;
  readonly #renewDeadlineMs: number;
  readonly #retryMs: number;
  readonly #onTrouble: (error: unknown) => void;
  #seen: Observation | undefined;

  /** @throws RangeError when a leader could act for as long as its lease lives, or longer */
  constructor(transport: Transport, options: ElectionOptions) {
    this.#client = new ResourceClient<Lease>(transport, LEASES);
    this.#clock = options.clock;
    this.#random = options.random;
    this.#namespace = options.namespace;
    this.#name = options.name;
    this.#identity = options.identity;
    this.#durationMs = options.durationMs ?? 15_000;
    this.#renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
    this.#retryMs = options.retryMs ?? 2000;
    this.#onTrouble = options.onTrouble ?? ((): void => undefined);
    if (this.#renewDeadlineMs >= this.#durationMs)
      throw new RangeError('the renew deadline must be shorter than the duration of the lease');
  }

  /**
   * Resolves when this replica is the leader, and then keeps the lease until it is lost or released.
   * @throws the reason of `stop` when that aborts first
   */
  async acquire(stop: AbortSignal): Promise<Leadership> {
    for (;;) {
      const sentAt = await this.#try(stop);
      if (sentAt !== undefined) return this.#lead(sentAt);
      await this.#pause(this.#retryMs / 2, stop);
    }
  }

  /** A leader stays out of step with the others, so that not all of them ask at once. */
  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    await sleep(this.#clock, ms * (1 + 0.2 * this.#random.next()), signal);
  }

  /**
   * One look at the lease, and one try to take or to renew it.
   * @returns when the request that won was sent, monotonic milliseconds: the lease counts from there at the latest
   */
  async #try(signal: AbortSignal): Promise<number | undefined> {
    signal.throwIfAborted();
    try {
      const lease = seenFrom(await this.#client.get(this.#name, this.#namespace, this.#call(signal)));
      const now = this.#clock.monotonic();
      this.#seen = observed(this.#seen, lease, now);
      const move = moveOf(
        this.#seen,
        { identity: this.#identity, durationMs: this.#durationMs },
        now,
        microTime(this.#clock.now()),
      );
      if (move.kind === 'wait') return undefined;
      await this.#write(move.spec, lease.resourceVersion, signal);
      return now;
    } catch (error) {
      signal.throwIfAborted();
      // Somebody else was faster: what they wrote is seen with the next look.
      if (!isConflict(error)) this.#onTrouble(isNotFound(error) ? this.#missing(error) : error);
      return undefined;
    }
  }

  async #write(spec: LeaseSpec, resourceVersion: string, signal?: AbortSignal): Promise<void> {
    const written = await this.#client.patch(
      this.#name,
      this.#namespace,
      { metadata: { resourceVersion }, spec },
      this.#call(signal),
    );
    this.#seen = { lease: seenFrom(written), since: this.#clock.monotonic() };
  }

  /** One try each, and a short one: the next look is the retry. */
  #call(signal?: AbortSignal): { readonly signal: AbortSignal | undefined; timeoutMs: number; tries: number } {
    return { signal, timeoutMs: this.#renewDeadlineMs / 2, tries: 1 };
  }

  #lead(sentAt: number): Leadership {
    const lost = new AbortController();
    let until = sentAt + this.#renewDeadlineMs;
    let cancelEnd = (): void => undefined;
    const end = (why: string): void => {
      until = Number.NEGATIVE_INFINITY;
      cancelEnd();
      lost.abort(new Error(`the lease ${this.#namespace}/${this.#name} ${why}`));
    };
    const arm = (): void => {
      cancelEnd();
      cancelEnd = this.#clock.after(until - this.#clock.monotonic(), () => end('could not be renewed in time'));
    };
    arm();
    const keep = async (): Promise<void> => {
      for (;;) {
        await this.#pause(this.#retryMs, lost.signal);
        const renewedAt = await this.#try(lost.signal);
        if (renewedAt !== undefined) {
          until = renewedAt + this.#renewDeadlineMs;
          arm();
        } else if (this.#seen && (this.#seen.lease.spec.holderIdentity ?? '') !== this.#identity) {
          end(`was taken by ${this.#seen.lease.spec.holderIdentity ?? 'nobody'}`);
        }
      }
    };
    const kept = keep().catch(() => undefined);
    return {
      lost: lost.signal,
      holds: () => this.#clock.monotonic() < until,
      release: async () => {
        if (lost.signal.aborted) return;
        end('is given back');
        await kept;
        await this.#giveBack();
      },
    };
  }

  async #giveBack(): Promise<void> {
    try {
      // A renewal may have been under way.
      const lease = seenFrom(await this.#client.get(this.#name, this.#namespace, this.#call()));
      if (lease.spec.holderIdentity !== this.#identity) return;
      await this.#write({ holderIdentity: null, leaseDurationSeconds: 1 }, lease.resourceVersion);
    } catch (error) {
      this.#onTrouble(error);
    }
  }

  #missing(cause: unknown): Error {
    return new Error(
      `there is no Lease ${this.#name} in namespace ${this.#namespace}: it is part of the installation, apply deploy/kustomize again`,
      { cause },
    );
  }
}

const seenFrom = ({ metadata, spec }: Lease): SeenLease => ({
  resourceVersion: metadata.resourceVersion ?? '',
  spec: spec ?? {},
});
