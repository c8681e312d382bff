import { KubeError } from '../../src/kube/errors.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import type { KubeRequest, KubeResponse, Transport } from '../../src/kube/transport.ts';

type Tree = { readonly [field: string]: unknown };
type Stored = KubeObject & Tree;

/** What happens to one request before it is answered: a status instead of an answer, or something that others do first. */
export type Interference =
  | { readonly kind: 'status'; readonly status: number; readonly reason: string }
  | { readonly kind: 'unreachable' }
  | { readonly kind: 'first'; readonly happens: () => void }
  | { readonly kind: 'late'; readonly until: Promise<void> };

/**
 * A small API server without a socket that keeps objects of any kind: get, create, merge patch, apply of the status,
 * delete, with resourceVersions, finalizers and conflicts. Apply knows as much of ownership as a status needs: each top
 * level field, and each condition, belongs to whoever applied it last.
 */
export class ObjectApi implements Transport {
  readonly #objects = new Map<string, Stored>();
  readonly #owned = new Map<string, Set<string>>();
  #version = 100;
  #uids = 0;
  readonly requests: KubeRequest[] = [];
  /** Taken one by one; when they are used up, all goes well. */
  readonly interferences: Interference[] = [];

  /** Puts an object there or changes it, as somebody else would. */
  put(path: string, object: Tree & { readonly metadata?: Tree }): Stored {
    const before = this.#objects.get(path);
    const uid = before?.metadata.uid ?? `uid-${++this.#uids}`;
    const name = path.split('/').at(-1) ?? '';
    const namespace = /\/namespaces\/([^/]+)/.exec(path)?.[1];
    const metadata = { name, namespace, uid, ...before?.metadata, ...object.metadata };
    return this.#store(path, { ...before, ...object, metadata });
  }

  get(path: string): Stored | undefined {
    return this.#objects.get(path);
  }

  /** All objects of a collection. */
  all(path: string): Stored[] {
    return [...this.#objects].filter(([key]) => key.startsWith(`${path}/`)).map(([, object]) => object);
  }

  remove(path: string): void {
    this.#objects.delete(path);
  }

  async send(request: KubeRequest): Promise<KubeResponse> {
    request.signal?.throwIfAborted();
    this.requests.push(request);
    const interference = this.interferences.shift();
    if (interference?.kind === 'unreachable') throw new KubeError('unreachable', { status: 0, reason: 'Unreachable' });
    if (interference?.kind === 'status') return refusal(interference.status, interference.reason);
    if (interference?.kind === 'first') interference.happens();
    if (interference?.kind === 'late') await Promise.race([interference.until, aborted(request.signal)]);
    switch (request.method) {
      case 'GET':
        return this.#found(request.path, (object) => answer(200, object));
      case 'POST':
        return this.#create(request);
      case 'PATCH':
        return request.contentType === 'application/merge-patch+json' ? this.#patch(request) : this.#apply(request);
      case 'DELETE':
        return this.#delete(request);
      case 'PUT':
        return refusal(405, 'MethodNotAllowed');
      default:
        return refusal(400, 'BadRequest');
    }
  }

  async close(): Promise<void> {}

  #found(path: string, use: (object: Stored) => KubeResponse): KubeResponse {
    const object = this.#objects.get(path);
    return object ? use(object) : refusal(404, 'NotFound');
  }

  #create({ path, body }: KubeRequest): KubeResponse {
    const object = asSent(body) as Stored;
    const target = `${path}/${object.metadata.name}`;
    if (this.#objects.has(target)) return refusal(409, 'AlreadyExists');
    return answer(201, this.put(target, object as unknown as Tree & { readonly metadata: Tree }));
  }

  #patch({ path, body }: KubeRequest): KubeResponse {
    return this.#found(path, (before) => {
      const patch = asSent(body) as Stored;
      const { resourceVersion } = patch.metadata ?? {};
      if (resourceVersion !== undefined && resourceVersion !== before.metadata.resourceVersion) {
        return refusal(409, 'Conflict');
      }
      return answer(200, this.#store(path, merged(before, patch) as Stored));
    });
  }

  #apply({ path, body, query }: KubeRequest): KubeResponse {
    return this.#found(path.replace(/\/status$/, ''), (before) => {
      const { metadata, status } = asSent(body) as Stored;
      // As the real one, it does not look at a UID here.
      const { resourceVersion } = metadata;
      if (resourceVersion !== undefined && resourceVersion !== before.metadata.resourceVersion) {
        return refusal(409, 'Conflict');
      }
      const owner = `${before.metadata.uid} ${String(query?.['fieldManager'])}`;
      const { conditions, ...fields } = status as { readonly conditions?: readonly { readonly type: string }[] };
      const given = new Map<string, unknown>(Object.entries(fields));
      for (const condition of conditions ?? []) given.set(`conditions/${condition.type}`, condition);
      const now = new Map(flat(before['status'] as Tree | undefined));
      for (const field of this.#owned.get(owner) ?? []) if (!given.has(field)) now.delete(field);
      for (const [field, value] of given) now.set(field, value);
      this.#owned.set(owner, new Set(given.keys()));
      return answer(200, this.#store(path.replace(/\/status$/, ''), { ...before, status: unflat(now) }));
    });
  }

  #delete({ path, body }: KubeRequest): KubeResponse {
    return this.#found(path, (object) => {
      const { preconditions } = body as { readonly preconditions?: { readonly uid: string } };
      if (preconditions && preconditions.uid !== object.metadata.uid) return refusal(409, 'Conflict');
      if (object.metadata.finalizers?.length) {
        return answer(200, this.put(path, { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }));
      }
      this.#objects.delete(path);
      return answer(200, { kind: 'Status', status: 'Success' });
    });
  }

  /** As the API server does: a write that changes nothing leaves the version, and the last finalizer to go ends it. */
  #store(path: string, object: Stored): Stored {
    const before = this.#objects.get(path);
    const unchanged = before && JSON.stringify(asSent(object)) === JSON.stringify(asSent(before));
    if (unchanged) return before;
    const metadata = { ...object.metadata, resourceVersion: String(++this.#version) };
    const stored = asSent({ ...object, metadata }) as Stored;
    if (metadata.deletionTimestamp !== undefined && !metadata.finalizers?.length) this.#objects.delete(path);
    else this.#objects.set(path, stored);
    return stored;
  }
}

function flat(status: Tree | undefined): [string, unknown][] {
  const { conditions = [], ...fields } = (status ?? {}) as { conditions?: readonly { readonly type: string }[] };
  return [
    ...Object.entries(fields),
    ...conditions.map((condition): [string, unknown] => [`conditions/${condition.type}`, condition]),
  ];
}

function unflat(fields: ReadonlyMap<string, unknown>): Tree {
  const conditions = [...fields].filter(([field]) => field.startsWith('conditions/')).map(([, value]) => value);
  const others = [...fields].filter(([field]) => !field.startsWith('conditions/'));
  return { ...Object.fromEntries(others), ...(conditions.length > 0 && { conditions }) };
}

/** RFC 7386. */
function merged(before: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const known = typeof before === 'object' && before !== null && !Array.isArray(before) ? (before as Tree) : {};
  const result: Record<string, unknown> = { ...known };
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) delete result[field];
    else result[field] = merged(known[field], value);
  }
  return result;
}

/** What arrives when it has gone over the wire. */
function asSent(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function refusal(status: number, reason: string): KubeResponse {
  return answer(status, { kind: 'Status', code: status, reason, message: `the test says ${reason}` });
}

function answer(status: number, body: unknown): KubeResponse {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    text: () => Promise.resolve(JSON.stringify(body)),
    async *lines() {
      yield JSON.stringify(body);
    },
  };
}

function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
