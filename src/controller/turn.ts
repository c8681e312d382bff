import type { Logger } from 'pino';
import type { Clock } from '../ambient/clock.ts';
import type { Random } from '../ambient/random.ts';
import { type ElectionOptions, type Leadership, LeaseElection } from '../kube/lease-election.ts';
import type { Transport } from '../kube/transport.ts';

/** Which lease a replica runs for, and as who. */
export type LeaseName = Pick<ElectionOptions, 'namespace' | 'name' | 'identity'>;

/**
 * When it is this replica's turn to work: while it holds the lease; without a lease always. Before its turn it stands by,
 * afterwards it never works again.
 */
export class Turn {
  readonly #election: LeaseElection | undefined;
  readonly #lease: LeaseName | undefined;
  readonly #log: Logger;
  #leadership: Leadership | undefined;

  /** @param lease default: none, this replica is the only one */
  constructor(
    transport: Transport,
    {
      clock,
      random,
      log,
      lease,
    }: {
      readonly clock: Clock;
      readonly random: Random;
      readonly log: Logger;
      readonly lease?: LeaseName | undefined;
    },
  ) {
    this.#lease = lease;
    this.#log = log;
    this.#election =
      lease &&
      new LeaseElection(transport, {
        clock,
        random,
        ...lease,
        onTrouble: (error) =>
          log.warn(
            { err: error instanceof Error ? error.message : String(error) },
            'the lease cannot be had; it is tried again',
          ),
      });
  }

  /** Whether a write may be begun at this moment (S10). */
  mayWrite(): boolean {
    return !this.#election || this.#leadership?.holds() === true;
  }

  /**
   * Resolves when it is this replica's turn, and when `stop` aborts before.
   * @returns when the turn ends: with `stop`, and with the lease; and whether another replica may have worked until now
   */
  async begin(stop: AbortSignal): Promise<{ readonly end: AbortSignal; readonly takesOver: boolean }> {
    try {
      this.#leadership = await this.#election?.acquire(stop);
    } catch (error) {
      if (!stop.aborted) throw error;
    }
    if (!this.#leadership) return { end: stop, takesOver: false };
    this.#log.info({ lease: this.#lease?.name, identity: this.#lease?.identity }, 'this replica leads');
    return { end: AbortSignal.any([stop, this.#leadership.lost]), takesOver: true };
  }

  /** Gives the lease back, when all work in hand is finished: the next replica need not wait for it to run out. */
  async release(): Promise<void> {
    await this.#leadership?.release();
  }
}
