import type { Clock } from '../../src/ambient/clock.ts';
import { KubeError } from '../../src/kube/errors.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import type { ResourceKind } from '../../src/kube/resource-client.ts';
import type { KubeRequest, KubeResponse, Transport } from '../../src/kube/transport.ts';

export const THING: ResourceKind = {
  group: 'test.io',
  version: 'v1',
  plural: 'things',
  kind: 'Thing',
  namespaced: true,
};

export interface Thing extends KubeObject {
  readonly value: number;
}

/** What befalls one request instead of, or on top of, its answer. */
export type Fault =
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter?: number }
  | { readonly kind: 'unreachable' }
  /** No answer, until the caller gives up. */
  | { readonly kind: 'hang' }
  /** The answer comes only when `release` is called, whatever the caller's signal says. */
  | { readonly kind: 'late'; readonly until: Promise<void> }
  /** A watch that is ended as soon as it is open. */
  | { readonly kind: 'closeAtOnce' }
  /** A watch on which nothing ever comes, not even its end. */
  | { readonly kind: 'silent' }
  /** A watch on which these lines come, and then what there is. */
  | { readonly kind: 'lines'; readonly lines: readonly string[] }
  /** A watch whose connection breaks after so many lines. */
  | { readonly kind: 'breakAfter'; readonly lines: number };

interface LogEntry {
  readonly version: number;
  readonly line: string;
}

export interface SeenCall {
  readonly kind: 'list' | 'watch';
  readonly at: number;
  readonly query: Readonly<Record<string, unknown>>;
}

const BOOKMARK_MS = 60_000;

/** A small API server without a socket: one kind, list and watch, and every misbehaviour that a test asks for. */
export class FakeApi implements Transport {
  readonly #clock: Clock;
  readonly #objects = new Map<string, Thing>();
  #log: LogEntry[] = [];
  readonly #watchers = new Set<() => void>();
  #version = 100;
  #compacted = 0;
  #uids = 0;
  readonly calls: SeenCall[] = [];
  /** Taken one by one; when they are used up, all goes well. */
  readonly listFaults: Fault[] = [];
  readonly watchFaults: Fault[] = [];
  bookmarks = true;
  openWatches = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  put(name: string, value: number): Thing {
    const key = `ns/${name}`;
    const before = this.#objects.get(key);
    const uid = before?.metadata.uid ?? `uid-${++this.#uids}`;
    const metadata = { name, namespace: 'ns', uid, resourceVersion: String(++this.#version) };
    const thing: Thing = { apiVersion: 'test.io/v1', kind: 'Thing', metadata, value };
    this.#objects.set(key, thing);
    this.#write(before ? 'MODIFIED' : 'ADDED', thing);
    return thing;
  }

  remove(name: string): void {
    const key = `ns/${name}`;
    const before = this.#objects.get(key);
    if (!before) return;
    this.#objects.delete(key);
    const metadata = { ...before.metadata, resourceVersion: String(++this.#version) };
    this.#write('DELETED', { ...before, metadata });
  }

  /** Forgets all changes until now: whoever has not seen them must list. */
  compact(): void {
    this.#compacted = this.#version;
    this.#log = [];
  }

  contents(): Record<string, number> {
    return contentsOf(this.#objects.values());
  }

  count(kind: SeenCall['kind']): number {
    return this.calls.filter((call) => call.kind === kind).length;
  }

  async send(request: KubeRequest): Promise<KubeResponse> {
    request.signal?.throwIfAborted();
    const query = request.query ?? {};
    const kind = query['watch'] === true ? 'watch' : 'list';
    this.calls.push({ kind, at: this.#clock.monotonic(), query });
    const fault = (kind === 'list' ? this.listFaults : this.watchFaults).shift();
    if (fault?.kind === 'unreachable') throw new KubeError('unreachable', { status: 0, reason: 'Unreachable' });
    if (fault?.kind === 'hang') await aborted(request.signal);
    if (fault?.kind === 'late') await fault.until;
    if (fault?.kind === 'status') {
      const retry = fault.retryAfter === undefined ? {} : { 'retry-after': String(fault.retryAfter) };
      return answer(fault.status, { kind: 'Status', code: fault.status, message: 'as the test wants it' }, retry);
    }
    return kind === 'list' ? this.#list(query) : this.#watch(query, request.signal, fault);
  }

  async close(): Promise<void> {}

  #list(query: Readonly<Record<string, unknown>>): KubeResponse {
    const { continue: token } = query;
    const [from = 0, at = this.#version] = (typeof token === 'string' ? token : '')
      .split('@')
      .filter(Boolean)
      .map(Number);
    if (at < this.#compacted) return answer(410, { kind: 'Status', code: 410, reason: 'Expired', message: 'expired' });
    const limit = Number(query['limit'] ?? 1_000_000);
    const all = [...this.#objects.values()];
    const more = from + limit < all.length ? { continue: `${from + limit}@${at}` } : {};
    return answer(200, { metadata: { resourceVersion: String(at), ...more }, items: all.slice(from, from + limit) });
  }

  #watch(
    query: Readonly<Record<string, unknown>>,
    signal: AbortSignal | undefined,
    fault: Fault | undefined,
  ): KubeResponse {
    const from = Number(query['resourceVersion']);
    if (from < this.#compacted)
      return answer(410, { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' });
    const ends = this.#clock.monotonic() + Number(query['timeoutSeconds']) * 1000;
    const lines = (): AsyncGenerator<string, void> => this.#lines(from, ends, signal, fault);
    return { ...answer(200, {}), lines };
  }

  async *#lines(
    from: number,
    ends: number,
    signal: AbortSignal | undefined,
    fault: Fault | undefined,
  ): AsyncGenerator<string, void> {
    let position = from;
    let sent = 0;
    let nextBookmark = this.#clock.monotonic() + BOOKMARK_MS;
    this.openWatches++;
    try {
      if (fault?.kind === 'closeAtOnce') return;
      if (fault?.kind === 'silent') await aborted(signal);
      if (fault?.kind === 'lines') yield* fault.lines;
      for (;;) {
        signal?.throwIfAborted();
        if (fault?.kind === 'breakAfter' && sent >= fault.lines) {
          throw new KubeError('broken', { status: 0, reason: 'Unreachable' });
        }
        if (position < this.#compacted) {
          const object = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' };
          yield JSON.stringify({ type: 'ERROR', object });
          return;
        }
        const entry = this.#log.find(({ version }) => version > position);
        const now = this.#clock.monotonic();
        if (entry) {
          position = entry.version;
          sent++;
          yield entry.line;
        } else if (now >= ends) {
          return;
        } else if (this.bookmarks && now >= nextBookmark) {
          nextBookmark = now + BOOKMARK_MS;
          position = this.#version;
          yield JSON.stringify({ type: 'BOOKMARK', object: { metadata: { resourceVersion: String(position) } } });
        } else {
          await this.#news(Math.min(ends, this.bookmarks ? nextBookmark : ends) - now, signal);
        }
      }
    } finally {
      this.openWatches--;
    }
  }

  #news(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        this.#watchers.delete(wake);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const cancel = this.#clock.after(ms, wake);
      this.#watchers.add(wake);
      signal?.addEventListener('abort', wake);
    });
  }

  #write(type: string, thing: Thing): void {
    this.#log.push({ version: this.#version, line: JSON.stringify({ type, object: thing }) });
    for (const wake of this.#watchers) wake();
  }
}

/** Objects as a test compares them. */
export function contentsOf(things: Iterable<Thing>): Record<string, number> {
  return Object.fromEntries([...things].map((thing) => [thing.metadata.name, thing.value]));
}

function answer(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): KubeResponse {
  return {
    status,
    headers,
    text: () => Promise.resolve(JSON.stringify(body)),
    async *lines() {
      yield JSON.stringify(body);
    },
  };
}

function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    if (signal?.aborted) reject(signal.reason as Error);
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
