import { isGone, KubeError } from './errors.ts';
import { type KubeObject, keyOf } from './kube-object.ts';
import { failureOf } from './status-failure.ts';
import type { KubeRequest, KubeResponse, Transport } from './transport.ts';
import { type WatchEvent, watchEvents } from './watch-events.ts';

export type { KubeObject } from './kube-object.ts';

/** A kind as request paths name it. */
export interface ResourceKind {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** Options that every call takes. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** See `KubeRequest.timeoutMs`. */
  readonly timeoutMs?: number;
  /** See `KubeRequest.tries`. */
  readonly tries?: number;
}

export interface ListOptions extends CallOptions {
  /** Only this namespace. Default: all. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** Objects a page. Default: 500. */
  readonly limit?: number;
}

export interface WatchOptions extends CallOptions {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** Changes after this version are wanted. */
  readonly resourceVersion: string;
  /** When the server is to end the watch. */
  readonly timeoutSeconds: number;
}

export interface ApplyOptions extends CallOptions {
  /** Who owns the fields that are applied. */
  readonly fieldManager: string;
  /** Take over fields that others own. Default: false, so that such a field is a Conflict. */
  readonly force?: boolean;
}

/** What is left of an object when its status is applied: only these parts are sent. */
export interface AppliedStatus {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string | undefined;
    readonly resourceVersion?: string | undefined;
  };
  readonly status: unknown;
}

const DEFAULT_LIMIT = 500;

/**
 * The calls for one kind. Each throws a KubeError whose message names the call and the object; what comes back is what
 * the server sent, with `apiVersion` and `kind` filled in on list items of kinds that come without.
 */
export class ResourceClient<T extends KubeObject> {
  readonly kind: ResourceKind;
  readonly #transport: Transport;

  constructor(transport: Transport, kind: ResourceKind) {
    this.#transport = transport;
    this.kind = kind;
  }

  get apiVersion(): string {
    return this.kind.group === '' ? this.kind.version : `${this.kind.group}/${this.kind.version}`;
  }

  /** @param namespace required for a namespaced kind and not allowed for others, here and in all calls */
  async get(name: string, namespace?: string, options: CallOptions = {}): Promise<T> {
    return this.#object('get', { name, namespace }, options, { method: 'GET', path: this.#path(namespace, name) });
  }

  /**
   * Every object that matches, page by page, as of one moment: `resourceVersion` is where a watch goes on. When the
   * list expires between two pages it is read again in one piece.
   */
  async list(options: ListOptions = {}): Promise<{ readonly items: T[]; readonly resourceVersion: string }> {
    const items: T[] = [];
    let limit: number | undefined = options.limit ?? DEFAULT_LIMIT;
    let next: string | undefined;
    for (;;) {
      let page: Page<T>;
      try {
        page = await this.#page(options, limit, next);
      } catch (error) {
        if (!isGone(error) || next === undefined) throw error;
        // The rest of this list is compacted away. Half of one list and half of a later one would be no list at all.
        items.length = 0;
        limit = undefined;
        next = undefined;
        continue;
      }
      for (const item of page.items) items.push({ apiVersion: this.apiVersion, kind: this.kind.kind, ...item });
      next = page.metadata.continue || undefined;
      if (next === undefined) return { items, resourceVersion: page.metadata.resourceVersion };
    }
  }

  async create(object: T, options: CallOptions = {}): Promise<T> {
    const { name, namespace } = object.metadata;
    return this.#object('create', { name, namespace }, options, {
      method: 'POST',
      path: this.#path(namespace),
      body: { apiVersion: this.apiVersion, kind: this.kind.kind, ...object },
    });
  }

  /** A JSON merge patch: lists are replaced as a whole. With `metadata.resourceVersion` in it a Conflict is possible. */
  async patch(
    name: string,
    namespace: string | undefined,
    patch: Readonly<Record<string, unknown>>,
    options: CallOptions = {},
  ): Promise<T> {
    return this.#object('patch', { name, namespace }, options, {
      method: 'PATCH',
      path: this.#path(namespace, name),
      contentType: 'application/merge-patch+json',
      body: patch,
    });
  }

  /** Server-side apply: makes the object, or the fields given here, what they are here. */
  async apply(object: KubeObject, options: ApplyOptions): Promise<T> {
    return this.#apply(object, options, undefined);
  }

  /** Server-side apply of the status. With a resourceVersion it is a Conflict when the object was written since. */
  async applyStatus(
    { metadata: { name, namespace, resourceVersion }, status }: AppliedStatus,
    options: ApplyOptions,
  ): Promise<T> {
    return this.#apply({ metadata: { name, namespace, resourceVersion }, status }, options, 'status');
  }

  /**
   * Deletes an object; one with finalizers only begins to go. Not finding it is an error, see `isNotFound`.
   * @param options.uid delete it only if it is still this very object
   */
  async delete(
    name: string,
    namespace?: string,
    options: CallOptions & { readonly uid?: string | undefined } = {},
  ): Promise<void> {
    const { uid } = options;
    await this.#send('delete', { name, namespace }, options, {
      method: 'DELETE',
      path: this.#path(namespace, name),
      body: { apiVersion: 'v1', kind: 'DeleteOptions', ...(uid !== undefined && { preconditions: { uid } }) },
    });
  }

  /**
   * Opens a watch. Settles when the server has answered; the events end when the server ends the watch, and fail when
   * the connection breaks. Bookmarks are asked for.
   */
  async watch(options: WatchOptions): Promise<AsyncIterable<WatchEvent<T>>> {
    const { namespace, labelSelector, fieldSelector, resourceVersion, timeoutSeconds } = options;
    const what = this.#describe('watch', { namespace });
    const response = await this.#answer(what, options, {
      method: 'GET',
      path: this.#path(namespace),
      query: { watch: true, allowWatchBookmarks: true, resourceVersion, timeoutSeconds, labelSelector, fieldSelector },
    });
    return watchEvents<T>(what, response.lines());
  }

  #apply(
    object: KubeObject & { readonly status?: unknown },
    options: ApplyOptions,
    subresource?: 'status',
  ): Promise<T> {
    const { name, namespace } = object.metadata;
    return this.#object(subresource ? 'apply the status of' : 'apply', { name, namespace }, options, {
      method: 'PATCH',
      path: this.#path(namespace, name, subresource),
      query: { fieldManager: options.fieldManager, force: options.force === true },
      // JSON is YAML; the media type for JSON alone is not accepted by every version that is still in use.
      contentType: 'application/apply-patch+yaml',
      body: { ...object, apiVersion: this.apiVersion, kind: this.kind.kind },
    });
  }

  async #page(options: ListOptions, limit: number | undefined, next: string | undefined): Promise<Page<T>> {
    const { namespace, labelSelector, fieldSelector } = options;
    const page = await this.#json('list', { namespace }, options, {
      method: 'GET',
      path: this.#path(namespace),
      query: { labelSelector, fieldSelector, limit, continue: next },
    });
    if (isPage<T>(page)) return page;
    throw new KubeError(`${this.#describe('list', { namespace })}: the answer is not a list`, {
      status: 200,
      reason: 'BadAnswer',
    });
  }

  async #object(verb: string, subject: Subject, options: CallOptions, request: KubeRequest): Promise<T> {
    const object = await this.#json(verb, subject, options, request);
    if (typeof object === 'object' && object !== null && 'metadata' in object) return object as T;
    throw new KubeError(`${this.#describe(verb, subject)}: the answer is not an object`, {
      status: 200,
      reason: 'BadAnswer',
    });
  }

  async #json(verb: string, subject: Subject, options: CallOptions, request: KubeRequest): Promise<unknown> {
    const text = await this.#send(verb, subject, options, request);
    try {
      return JSON.parse(text) as unknown;
    } catch {
      // Not kept as the cause: the engine quotes the text in its message, and nobody knows what is in it.
      throw new KubeError(`${this.#describe(verb, subject)}: the answer is not JSON`, {
        status: 200,
        reason: 'BadAnswer',
      });
    }
  }

  async #send(verb: string, subject: Subject, options: CallOptions, request: KubeRequest): Promise<string> {
    return (await this.#answer(this.#describe(verb, subject), options, request)).text();
  }

  async #answer(what: string, { signal, timeoutMs, tries }: CallOptions, request: KubeRequest): Promise<KubeResponse> {
    const response = await this.#transport.send({
      ...request,
      signal,
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(tries !== undefined && { tries }),
    });
    if (response.status >= 200 && response.status < 300) return response;
    throw failureOf(what, response, await response.text());
  }

  #path(namespace: string | undefined, name?: string, subresource?: string): string {
    const { group, version, plural, kind, namespaced } = this.kind;
    if (!namespaced && namespace !== undefined)
      throw new TypeError(`${kind} has no namespace, but ${namespace} was given`);
    if (namespaced && name !== undefined && namespace === undefined)
      throw new TypeError(`${kind} ${name} needs a namespace`);
    return [
      group === '' ? `/api/${version}` : `/apis/${group}/${version}`,
      ...(namespace === undefined ? [] : ['namespaces', encodeURIComponent(namespace)]),
      plural,
      ...(name === undefined ? [] : [encodeURIComponent(name)]),
      ...(subresource === undefined ? [] : [subresource]),
    ].join('/');
  }

  #describe(verb: string, { name, namespace }: Subject): string {
    const { group, plural } = this.kind;
    const where = name === undefined ? namespace && `in ${namespace}` : keyOf({ metadata: { name, namespace } });
    return [verb, group === '' ? plural : `${plural}.${group}`, where].filter(Boolean).join(' ');
  }
}

/** What a call is about: one object, or all in one namespace, or all. */
interface Subject {
  readonly name?: string;
  readonly namespace?: string | undefined;
}

interface Page<T> {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly T[];
}

function isPage<T>(value: unknown): value is Page<T> {
  if (typeof value !== 'object' || value === null || !('items' in value) || !('metadata' in value)) return false;
  const { items, metadata } = value;
  return (
    Array.isArray(items) &&
    typeof metadata === 'object' &&
    metadata !== null &&
    'resourceVersion' in metadata &&
    typeof metadata.resourceVersion === 'string'
  );
}
