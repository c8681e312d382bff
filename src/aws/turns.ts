import { PRIORITIES, type Priority } from './priority.ts';

/** Whoever waits longer than this without being served counts as the next higher priority, so that no one starves (S9). */
const AGE_MS = 60_000;
/** Who does not come back this long after its turn has given it up. */
const GRACE_MS = 30_000;

/** What one flow asks for. */
export interface Request {
  /** Whose work it is: each flow gets its turn. */
  readonly flow: string;
  readonly priority: Priority;
  /** How many tokens; 0 withdraws what was asked for before. */
  readonly wanted: number;
}

/** What comes of it. */
export interface Part {
  /** How many it has now. */
  readonly count: number;
  /** So many tokens must come from now on before its next `batch` is all there; 0 when it has everything. */
  readonly ahead: number;
}

interface Demand {
  /** What it came with, and what it counts as after it has waited. */
  base: number;
  rank: number;
  wanted: number;
  /** The round in which its next token is served. Those of one round are served in the order in which they came. */
  round: number;
  readonly order: number;
  /** When it was served last, or came. */
  since: number;
  forgetAt: number;
}

/**
 * Divides tokens between flows that come and ask, and that come again for what they did not get. Each flow gets one token
 * in a round. What others have asked for and not yet fetched stays theirs, so that it does not matter who asks first or
 * most often. A higher priority comes before all lower ones.
 */
export class Turns {
  readonly #demands = new Map<string, Demand>();
  #orders = 0;

  /** How many tokens are asked for and not given. */
  get waiting(): number {
    return this.#demands.values().reduce((sum, { wanted }) => sum + wanted, 0);
  }

  /**
   * @param available whole tokens that can be given
   * @param batch how many `ahead` is about, at most
   */
  take({ flow, priority, wanted }: Request, available: number, batch: number, now: number): Part {
    for (const [name, { forgetAt }] of this.#demands) if (forgetAt < now) this.#demands.delete(name);
    if (wanted <= 0) {
      this.#demands.delete(flow);
      return { count: 0, ahead: 0 };
    }
    for (const each of this.#demands.values()) this.#age(each, now);
    const own = this.#demandOf(flow, priority, now);
    own.wanted = wanted;
    let count = 0;
    while (count < wanted && this.#before(own, count) + count < available) count += 1;
    own.wanted -= count;
    own.round += count;
    if (count > 0) {
      own.since = now;
      if (own.rank !== own.base) this.#move(own, own.base);
    }
    if (own.wanted === 0) {
      this.#demands.delete(flow);
      return { count, ahead: 0 };
    }
    const next = Math.min(own.wanted, batch);
    return { count, ahead: this.#before(own, next - 1) + next };
  }

  /** Who asked last is not waited for any longer than until some time after its turn. */
  expect(flow: string, at: number): void {
    const demand = this.#demands.get(flow);
    if (demand) demand.forgetAt = at + GRACE_MS;
  }

  #demandOf(flow: string, priority: Priority, now: number): Demand {
    const rank = PRIORITIES.indexOf(priority);
    const known = this.#demands.get(flow);
    if (known) {
      // What was asked for by somebody in a hurry stays so until it is there.
      known.base = Math.min(known.base, rank);
      if (rank < known.rank) this.#move(known, rank);
      return known;
    }
    const demand: Demand = {
      base: rank,
      rank,
      wanted: 0,
      round: this.#roundOf(rank),
      order: this.#orders++,
      since: now,
      forgetAt: Number.POSITIVE_INFINITY,
    };
    this.#demands.set(flow, demand);
    return demand;
  }

  #age(demand: Demand, now: number): void {
    if (demand.rank === 0 || now - demand.since < AGE_MS) return;
    this.#move(demand, demand.rank - 1);
    demand.since = now;
  }

  /** It begins where the others of that rank are: nothing is made up for. */
  #move(demand: Demand, rank: number): void {
    demand.round = this.#roundOf(rank);
    demand.rank = rank;
  }

  #roundOf(rank: number): number {
    let first = Number.POSITIVE_INFINITY;
    for (const each of this.#demands.values()) if (each.rank === rank) first = Math.min(first, each.round);
    return first === Number.POSITIVE_INFINITY ? 0 : first;
  }

  /** How many tokens of others come before the one after the next `count` of a flow. */
  #before(own: Demand, count: number): number {
    let sum = 0;
    for (const each of this.#demands.values()) {
      if (each === own || each.rank > own.rank) continue;
      if (each.rank < own.rank) sum += each.wanted;
      else {
        const rounds = own.round + count - each.round + (each.order < own.order ? 1 : 0);
        sum += Math.min(each.wanted, Math.max(0, rounds));
      }
    }
    return sum;
  }
}
