import type { PageBounds, Paging } from './paging.ts';
import type { Query } from './query.ts';
import { Refusal } from './refusal.ts';
import type { SimWorld } from './sim-world.ts';
import type { Place, Tags } from './world.ts';
import type { Xml } from './xml.ts';

/** One request to EC2, after it was authenticated and routed. */
export interface Call {
  readonly action: string;
  readonly query: Query;
  readonly world: SimWorld;
  /** Where it was made: the account of the credentials, the region of the signature. */
  readonly place: Place;
  readonly paging: Paging;
  /** What keeps a further action, which EC2 does along with this one, from being done. Asking counts as doing. */
  readonly hindrance: (action: string) => 'missing-permissions' | 'internal-error' | undefined;
}

/** What an operation answers, below the request id. */
export type Answer = { readonly [name: string]: Xml };

/** An operation: its parameters by the first part of their wire names, and what it does. */
export interface Operation {
  readonly parameters: readonly string[];
  readonly mutates: boolean;
  run(call: Call): Answer;
}

export const DONE: Answer = { return: true };

export const iso = (time: number): string => new Date(time).toISOString();
export const tagSet = (tags: Tags): Xml => Object.entries(tags).map(([key, value]) => ({ key, value }));

/** A list by pages: the items of this page as the answer shows them, and the token of the next. */
export function paged<T>(
  call: Call,
  bounds: PageBounds,
  list: () => readonly T[],
  idOf: (item: T) => string,
  byId: (id: string) => T | undefined,
): { readonly items: readonly T[]; readonly nextToken: string | undefined } {
  const { ids, nextToken } = call.paging.page(call, () => list().map(idOf), bounds);
  return { items: ids.flatMap((id) => byId(id) ?? []), nextToken };
}

/** @throws Refusal InvalidParameterCombination: what is asked for by id is not paged */
export function refuseIdsWithPages({ query }: Call, ids: readonly string[], parameter: string): void {
  if (ids.length > 0 && (query.get('MaxResults') !== undefined || query.get('NextToken') !== undefined)) {
    throw new Refusal(
      'InvalidParameterCombination',
      `The parameter ${parameter} cannot be used with the parameter maxResults`,
    );
  }
}
