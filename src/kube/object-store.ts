import type { KubeObject } from './kube-object.ts';
import { keyOf } from './kube-object.ts';

/** A reflector's copy of the objects, to read. Objects are frozen: they are shared by everyone who reads them. */
export interface ObjectStore<T> {
  /** @param key see `keyOf` */
  get(key: string): T | undefined;
  values(): IterableIterator<T>;
  /** All objects; the same array until one of them changes. */
  all(): readonly T[];
  readonly size: number;
  /**
   * The objects that an index of the reflector's options files under `term`.
   * @throws RangeError when there is no index of that name
   */
  byIndex(index: string, term: string): readonly T[];
}

/** Under which terms an index files an object. Must depend on nothing but the object. */
export type IndexTerms<T> = (object: T) => Iterable<string>;

/** The writable side, for the reflector alone. */
export class IndexedStore<T extends KubeObject> implements ObjectStore<T> {
  readonly #objects = new Map<string, T>();
  #all: readonly T[] | undefined;
  readonly #indexes = new Map<string, { readonly terms: IndexTerms<T>; readonly keys: Map<string, Set<string>> }>();

  constructor(indexes: Readonly<Record<string, IndexTerms<T>>> = {}) {
    for (const [name, terms] of Object.entries(indexes)) this.#indexes.set(name, { terms, keys: new Map() });
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  keys(): IterableIterator<string> {
    return this.#objects.keys();
  }

  values(): IterableIterator<T> {
    return this.#objects.values();
  }

  all(): readonly T[] {
    this.#all ??= [...this.#objects.values()];
    return this.#all;
  }

  byIndex(index: string, term: string): readonly T[] {
    const found = this.#indexes.get(index);
    if (!found) throw new RangeError(`there is no index ${index}`);
    return [...(found.keys.get(term) ?? [])].flatMap((key) => this.#objects.get(key) ?? []);
  }

  set(object: T): void {
    const key = keyOf(object);
    this.delete(key);
    this.#all = undefined;
    this.#objects.set(key, deepFreeze(object));
    for (const { terms, keys } of this.#indexes.values()) {
      for (const term of terms(object)) {
        const filed = keys.get(term);
        if (filed) filed.add(key);
        else keys.set(term, new Set([key]));
      }
    }
  }

  delete(key: string): void {
    const object = this.#objects.get(key);
    if (!object) return;
    this.#all = undefined;
    this.#objects.delete(key);
    for (const { terms, keys } of this.#indexes.values()) {
      for (const term of terms(object)) {
        const filed = keys.get(term);
        filed?.delete(key);
        if (filed?.size === 0) keys.delete(term);
      }
    }
  }
}

function deepFreeze<V>(value: V): V {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}
