import type { Random } from '../../ambient/random.ts';
import type { Query } from './query.ts';
import { Refusal } from './refusal.ts';

/** Pages of a list. Tokens are bound to the query; a page may hold less than asked for, or nothing, and not be the last. */
export class Paging {
  readonly #random: Random;
  readonly #tokens = new Map<string, { readonly fingerprint: string; readonly rest: readonly string[] }>();
  #count = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /**
   * @param ids everything that matches, for a first page
   * @returns the ids of this page, and the token of the next
   */
  page(
    action: string,
    query: Query,
    ids: () => readonly string[],
    bounds: readonly [low: number, high: number],
  ): { readonly ids: readonly string[]; readonly nextToken: string | undefined } {
    const size = this.#size(query, bounds);
    const fingerprint = `${action} ${query.fingerprint(['NextToken'])}`;
    const token = query.get('NextToken');
    let rest: readonly string[];
    if (token === undefined) rest = this.#shuffled(ids());
    else {
      const known = this.#tokens.get(token);
      if (known?.fingerprint !== fingerprint)
        throw new Refusal('InvalidNextToken', 'The provided pagination token is not valid.');
      rest = known.rest;
    }
    if (size === undefined) return { ids: rest, nextToken: undefined };
    // One in eight pages is short, some are empty: what EC2 may do, callers must bear.
    const short = this.#random.next() < 1 / 8 && rest.length > 1;
    const taken = short ? Math.floor(this.#random.next() * Math.min(size, rest.length)) : Math.min(size, rest.length);
    const left = rest.slice(taken);
    if (left.length === 0) return { ids: rest, nextToken: undefined };
    const nextToken = `t${++this.#count}-${Math.floor(this.#random.next() * 2 ** 32).toString(16)}`;
    this.#tokens.set(nextToken, { fingerprint, rest: left });
    return { ids: rest.slice(0, taken), nextToken };
  }

  #size(query: Query, [low, high]: readonly [number, number]): number | undefined {
    const text = query.get('MaxResults');
    if (text === undefined) return undefined;
    const size = Number(text);
    if (!Number.isInteger(size) || size < low) {
      throw new Refusal(
        'InvalidParameterValue',
        `Value ( ${text} ) for parameter maxResults is invalid. Expecting a value greater than ${low}.`,
      );
    }
    return Math.min(size, high);
  }

  /** The order of every list is unspecified. */
  #shuffled(ids: readonly string[]): string[] {
    const list = [...ids];
    for (let index = list.length - 1; index > 0; index--) {
      const other = Math.floor(this.#random.next() * (index + 1));
      [list[index], list[other]] = [list[other] as string, list[index] as string];
    }
    return list;
  }
}
