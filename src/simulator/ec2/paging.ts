import type { Random } from '../../ambient/random.ts';
import { shuffled } from './order.ts';
import type { Query } from './query.ts';
import { Refusal } from './refusal.ts';
import type { Place } from './world.ts';

/** The least and the most that MaxResults may be, and whether more than that is refused or cut down to it. */
export interface PageBounds {
  readonly least: number;
  readonly most: number;
  readonly above: 'cut' | 'refused';
}

/** A token is good for as long as this. How long EC2 keeps one is not documented. */
const TOKEN_LIFE_MS = 60 * 60_000;

interface Rest {
  readonly fingerprint: string;
  readonly ids: readonly string[];
  readonly expires: number;
}

/** Pages of a list. Tokens are bound to the query; a page may hold less than asked for, or nothing, and not be the last. */
export class Paging {
  readonly #random: Random;
  readonly #now: () => number;
  readonly #tokens = new Map<string, Rest>();
  #count = 0;

  constructor(random: Random, now: () => number) {
    this.#random = random;
    this.#now = now;
  }

  /**
   * @param ids everything that matches, for a first page
   * @returns the ids of this page, and the token of the next
   * @throws Refusal for MaxResults out of bounds, and for a token that is unknown, expired or of another query
   */
  page(
    { action, query, place }: { readonly action: string; readonly query: Query; readonly place: Place },
    ids: () => readonly string[],
    bounds: PageBounds,
  ): { readonly ids: readonly string[]; readonly nextToken: string | undefined } {
    const size = sizeOf(query, bounds);
    const fingerprint = `${action} ${place.account}/${place.region} ${query.fingerprint(['NextToken'])}`;
    const token = query.get('NextToken');
    const rest = token === undefined ? shuffled(this.#random, ids()) : this.#restOf(token, fingerprint);
    if (size === undefined) return { ids: rest, nextToken: undefined };
    // One in eight pages is short, some are empty: what EC2 may do, callers must bear.
    const short = this.#random.next() < 1 / 8 && rest.length > 1;
    const taken = short ? Math.floor(this.#random.next() * Math.min(size, rest.length)) : Math.min(size, rest.length);
    const left = rest.slice(taken);
    if (left.length === 0) return { ids: rest, nextToken: undefined };
    const nextToken = `t${++this.#count}-${Math.floor(this.#random.next() * 2 ** 32).toString(16)}`;
    this.#forgetExpired();
    this.#tokens.set(nextToken, { fingerprint, ids: left, expires: this.#now() + TOKEN_LIFE_MS });
    return { ids: rest.slice(0, taken), nextToken };
  }

  #restOf(token: string, fingerprint: string): readonly string[] {
    const known = this.#tokens.get(token);
    if (known?.fingerprint !== fingerprint || known.expires <= this.#now())
      throw new Refusal('InvalidNextToken', 'The provided pagination token is not valid.');
    return known.ids;
  }

  /** They are in the order in which they were given out, so the oldest are first. */
  #forgetExpired(): void {
    for (const [token, { expires }] of this.#tokens) {
      if (expires > this.#now()) return;
      this.#tokens.delete(token);
    }
  }
}

function sizeOf(query: Query, { least, most, above }: PageBounds): number | undefined {
  const text = query.get('MaxResults');
  if (text === undefined) return undefined;
  const size = Number(text);
  const wrong = (expecting: string): Refusal =>
    new Refusal(
      'InvalidParameterValue',
      `Value ( ${text} ) for parameter maxResults is invalid. Expecting a value ${expecting}.`,
    );
  if (!/^\d+$/.test(text) || size < least) throw wrong(`greater than ${least}`);
  if (size > most && above === 'refused') throw wrong(`less than or equal to ${most}`);
  return Math.min(size, most);
}
