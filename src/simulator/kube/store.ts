import { type KubeDocument, keyOf } from './document.ts';
import { deepFreeze } from './json-object.ts';

/** One write, as the history keeps it. */
export interface Change {
  readonly revision: number;
  /** The storage that holds the object, see `ResourceType.storage`. */
  readonly storage: string;
  /** Absent when the object was created. */
  readonly before?: KubeDocument;
  /** Absent when the object is gone. */
  readonly after?: KubeDocument;
}

/** Older than the history reaches back. */
export class Compacted extends Error {
  /** The oldest revision after which every change is still known. */
  readonly oldest: number;

  constructor(oldest: number) {
    super(`changes up to revision ${oldest} are compacted`);
    this.name = 'Compacted';
    this.oldest = oldest;
  }
}

/**
 * All objects, under one revision that every write raises, and the latest changes. Objects in it are frozen and carry
 * their revision as `metadata.resourceVersion`.
 */
export class Store {
  readonly #objects = new Map<string, Map<string, KubeDocument>>();
  readonly #history: Change[] = [];
  readonly #listeners = new Set<(change: Change) => void>();
  readonly #historyLimit: number;
  #revision = 1;
  #compacted = 1;

  /** @param historyLimit how many changes are remembered */
  constructor(historyLimit: number) {
    this.#historyLimit = historyLimit;
  }

  get revision(): number {
    return this.#revision;
  }

  get(storage: string, key: string): KubeDocument | undefined {
    return this.#objects.get(storage)?.get(key);
  }

  /** Sorted by key, as etcd has them. */
  all(storage: string): readonly KubeDocument[] {
    const objects = this.#objects.get(storage) ?? new Map<string, KubeDocument>();
    return [...objects].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, object]) => object);
  }

  /**
   * What there was right after `revision`.
   * @throws Compacted
   */
  allAt(storage: string, revision: number): readonly KubeDocument[] {
    const undone = this.changesAfter(revision);
    const objects = new Map(this.#objects.get(storage));
    for (const change of undone.toReversed()) {
      if (change.storage !== storage) continue;
      const object = change.before ?? change.after;
      if (object && change.before) objects.set(keyOf(object), change.before);
      else if (object) objects.delete(keyOf(object));
    }
    return [...objects].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, object]) => object);
  }

  /**
   * Every change after `revision`, oldest first.
   * @throws Compacted
   */
  changesAfter(revision: number): readonly Change[] {
    if (revision < this.#compacted) throw new Compacted(this.#compacted);
    return this.#history.filter((change) => change.revision > revision);
  }

  /** Creates or replaces the object; gives back what is stored. */
  put(storage: string, object: KubeDocument): KubeDocument {
    const revision = this.#revision + 1;
    const after = deepFreeze({ ...object, metadata: { ...object.metadata, resourceVersion: `${revision}` } });
    const key = keyOf(after);
    const objects = this.#objects.get(storage) ?? new Map<string, KubeDocument>();
    this.#objects.set(storage, objects);
    const before = objects.get(key);
    objects.set(key, after);
    this.#record({ revision, storage, after, ...(before && { before }) });
    return after;
  }

  /** Removes an object that is there; gives back its last state, with the revision at which it went. */
  remove(storage: string, object: KubeDocument): KubeDocument {
    const revision = this.#revision + 1;
    this.#objects.get(storage)?.delete(keyOf(object));
    const before = deepFreeze(object);
    this.#record({ revision, storage, before });
    return { ...before, metadata: { ...before.metadata, resourceVersion: `${revision}` } };
  }

  /** Forgets the changes up to now: whoever watches from an earlier revision must list again. */
  compact(): void {
    this.#history.length = 0;
    this.#compacted = this.#revision;
  }

  /** Calls `listener` after each change. @returns a function that takes it away again */
  onChange(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #record(change: Change): void {
    this.#revision = change.revision;
    this.#history.push(change);
    while (this.#history.length > this.#historyLimit) this.#compacted = this.#history.shift()?.revision ?? 0;
    for (const listener of this.#listeners) listener(change);
  }
}
