import type { Paging } from './paging.ts';
import type { Query } from './query.ts';
import type { SimWorld } from './sim-world.ts';
import type { Place } from './world.ts';
import type { Xml } from './xml.ts';

/** One request to EC2, after it was authenticated and routed. */
export interface Call {
  readonly action: string;
  readonly query: Query;
  readonly world: SimWorld;
  /** Where it was made: the account of the credentials, the region of the signature. */
  readonly place: Place;
  readonly paging: Paging;
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
export const tagSet = (tags: Readonly<Record<string, string>>): Xml =>
  Object.entries(tags).map(([key, value]) => ({ key, value }));
