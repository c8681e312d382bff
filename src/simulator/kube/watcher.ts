import type { Clock } from '../../ambient/clock.ts';
import type { Random } from '../../ambient/random.ts';
import type { KubeDocument } from './document.ts';
import type { JsonObject } from './json-object.ts';
import { readRevision, type Scope, wanted, wholeNumber } from './lister.ts';
import { apiVersionOf, inForm, type ResourceType } from './resource-type.ts';
import type { Selector } from './selectors.ts';
import { expired } from './status-error.ts';
import { type Change, Compacted, type Store } from './store.ts';
import { WatchStream } from './watch-stream.ts';

const BOOKMARK_EVERY_MS = 60_000;
/** A watch that does not say how long it wants to last ends after this, and up to twice this. */
const SHORTEST_DEFAULT_MS = 1_800_000;

type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** How an object is written in an event: as it is, or as a table. */
export type Render = (object: KubeDocument) => unknown;

/** Opens watches and knows those that are open. */
export class Watcher {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #open = new Set<WatchStream>();

  constructor(store: Store, clock: Clock, random: Random) {
    this.#store = store;
    this.#clock = clock;
    this.#random = random;
  }

  /** The open watches. */
  get streams(): ReadonlySet<WatchStream> {
    return this.#open;
  }

  /** @throws StatusError when the request cannot be read */
  watch(scope: Scope, query: URLSearchParams, render: Render, signal: AbortSignal | undefined): WatchStream {
    const { type } = scope;
    const matches = wanted(scope, query);
    const asked = query.get('resourceVersion') ?? '';
    const from = readRevision(asked === '' ? '0' : asked);
    const bookmarks = query.get('allowWatchBookmarks') === 'true' || query.get('allowWatchBookmarks') === '1';
    const seconds = wholeNumber(query, 'timeoutSeconds');
    const lastsMs = seconds > 0 ? seconds * 1000 : SHORTEST_DEFAULT_MS * (1 + this.#random.next());

    const cleanups: (() => void)[] = [];
    const stream = new WatchStream(() => {
      this.#open.delete(stream);
      for (const cleanup of cleanups) cleanup();
    });
    const send = (event: JsonObject): void => stream.push(JSON.stringify(event));
    const bookmark = (annotations?: Readonly<Record<string, string>>): void =>
      send({ type: 'BOOKMARK', object: render(bookmarkOf(type, this.#store.revision, annotations)) });
    const tell = (change: Change): void => {
      const event = eventOf(type, matches, change);
      if (event) send({ type: event.type, object: render(event.object) });
    };
    this.#open.add(stream);

    const wantsInitial = query.get('sendInitialEvents');
    if (wantsInitial === 'true' || (wantsInitial !== 'false' && from === 0)) {
      for (const stored of this.#store.all(type.storage)) {
        const object = inForm(type, stored);
        if (matches(object)) send({ type: 'ADDED', object: render(object) });
      }
      if (wantsInitial === 'true' && bookmarks) bookmark({ 'k8s.io/initial-events-end': 'true' });
    } else if (from > 0) {
      try {
        for (const change of this.#store.changesAfter(from)) tell(change);
      } catch (error) {
        if (!(error instanceof Compacted)) throw error;
        const status = expired(`too old resource version: ${from} (${error.oldest})`).toStatus();
        send({ type: 'ERROR', object: status });
        stream.end();
        return stream;
      }
    }

    cleanups.push(this.#store.onChange(tell));
    if (bookmarks) cleanups.push(this.#every(BOOKMARK_EVERY_MS, () => bookmark()));
    const finish = (): void => {
      if (bookmarks) bookmark();
      stream.end();
    };
    cleanups.push(this.#clock.after(lastsMs, finish));
    const onAbort = (): void => stream.end();
    signal?.addEventListener('abort', onAbort, { once: true });
    cleanups.push(() => signal?.removeEventListener('abort', onAbort));
    if (signal?.aborted) stream.end();
    return stream;
  }

  #every(ms: number, run: () => void): () => void {
    let cancel = (): void => undefined;
    const arm = (): void => {
      cancel = this.#clock.after(ms, () => {
        arm();
        run();
      });
    };
    arm();
    return () => cancel();
  }
}

function bookmarkOf(
  type: ResourceType,
  revision: number,
  annotations?: Readonly<Record<string, string>>,
): KubeDocument {
  return {
    apiVersion: apiVersionOf(type),
    kind: type.kind,
    metadata: { resourceVersion: `${revision}`, ...(annotations && { annotations }) },
  };
}

/** What a change means to one watch: an object can come into sight or leave it without being made or deleted. */
function eventOf(
  type: ResourceType,
  matches: Selector,
  { storage, before, after, revision }: Change,
): { readonly type: EventType; readonly object: KubeDocument } | undefined {
  if (storage !== type.storage) return undefined;
  const old = before && inForm(type, before);
  const now = after && inForm(type, after);
  const saw = old !== undefined && matches(old);
  if (now && matches(now)) return { type: saw ? 'MODIFIED' : 'ADDED', object: now };
  if (!saw) return undefined;
  return { type: 'DELETED', object: { ...old, metadata: { ...old.metadata, resourceVersion: `${revision}` } } };
}
