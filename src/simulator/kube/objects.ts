import type { Clock } from '../../ambient/clock.ts';
import { type KubeDocument, keyOf } from './document.ts';
import { inForm, inStoredForm, type ResourceType } from './resource-type.ts';
import type { Store } from './store.ts';

/** Now, to the second, as the API has it. */
export const timestamp = (clock: Clock): string => new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');

/** The stored objects, each in the form of its resource. */
export class Objects {
  readonly #store: Store;
  readonly #types: readonly ResourceType[];

  constructor(store: Store, types: readonly ResourceType[]) {
    this.#store = store;
    this.#types = types;
  }

  find(type: ResourceType, namespace: string | undefined, name: string): KubeDocument | undefined {
    const stored = this.#store.get(type.storage, `${namespace ?? ''}/${name}`);
    return stored && inForm(type, stored);
  }

  namespace(name: string): KubeDocument | undefined {
    return this.#store.get('namespaces', `/${name}`);
  }

  /** What is stored for an object that was found. */
  stored(type: ResourceType, object: KubeDocument): KubeDocument {
    return this.#store.get(type.storage, keyOf(object)) ?? object;
  }

  put(type: ResourceType, object: KubeDocument): KubeDocument {
    return inForm(type, this.#store.put(type.storage, inStoredForm(type, object)));
  }

  remove(type: ResourceType, object: KubeDocument): void {
    this.#store.remove(type.storage, this.stored(type, object));
    this.#endNamespace(object.metadata.namespace);
  }

  /** Everything in a namespace, each object once. */
  contentOf(namespace: string): readonly (readonly [ResourceType, KubeDocument])[] {
    const byStorage = new Map(this.#types.filter((type) => type.namespaced).map((type) => [type.storage, type]));
    return [...byStorage.values()].flatMap((type) =>
      this.#store
        .all(type.storage)
        .filter((object) => object.metadata.namespace === namespace)
        .map((object) => [type, inForm(type, object)] as const),
    );
  }

  /** A namespace that was deleted goes with the last object in it; a cluster has a controller for that. */
  #endNamespace(name: string | undefined): void {
    const namespace = name === undefined ? undefined : this.namespace(name);
    if (name === undefined || namespace?.metadata.deletionTimestamp === undefined) return;
    if (this.contentOf(name).length === 0) this.#store.remove('namespaces', namespace);
  }
}
