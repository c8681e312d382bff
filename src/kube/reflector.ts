import { type Clock, sleep } from '../ambient/clock.ts';
import { between, type Random } from '../ambient/random.ts';
import { type KubeObject, keyOf } from './kube-object.ts';
import { IndexedStore, type IndexTerms, type ObjectStore } from './object-store.ts';
import { type Course, courseAfter, type Outcome, type Restart, restartAfter } from './reflector-step.ts';
import type { ResourceClient } from './resource-client.ts';
import { isNotAfter } from './resource-version.ts';
import { firstChangeAfter } from './second-watch.ts';
import type { WatchEvent } from './watch-events.ts';
import { Watchdog } from './watchdog.ts';

export interface ReflectorOptions<T> {
  readonly clock: Clock;
  readonly random: Random;
  /** Only this namespace. Default: all. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  /** Indexes of the store, by name. */
  readonly indexes?: Readonly<Record<string, IndexTerms<T>>>;
  /**
   * A watch that has been quiet for this long, in milliseconds, is checked by a second one, and again after as long: a
   * stream can die without its connection breaking, and would be missed only after 150 seconds. Default: never.
   */
  readonly checkMs?: number | undefined;
  /** Is told of everything that went wrong, also in listeners. The reflector goes on by itself in any case. */
  readonly onTrouble?: (error: unknown) => void;
}

/** A difference between the copy before and after. */
export interface Change<T> {
  readonly kind: 'added' | 'updated' | 'deleted';
  readonly key: string;
  /** As it is now; of a deleted one the last that is known. */
  readonly object: T;
  /** As it was in the copy. */
  readonly before?: T;
}

/** The server is asked to end each watch after a random time in this range, so that watches spread over its replicas. */
const WATCH_SECONDS = { least: 300, most: 600 };
/** The API server sends a bookmark about once a minute. Two that are missing, and the stream is taken for dead. */
const SILENCE_MS = 150_000;
/** A change that the second watch tells of may be on its way on the first one, too. */
const LAG_MS = 250;
/** The pause after the first failure is at most this long; it doubles with each. */
const BASE_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

type Life =
  | { readonly kind: 'idle' }
  | { readonly kind: 'running'; readonly abort: AbortController; readonly ended: Promise<void> }
  | { readonly kind: 'stopped'; readonly ended: Promise<void> };

/**
 * Keeps a copy of all objects of a kind, by a list and then a watch of what changes, for as long as it runs. It lives
 * once: **idle** until `start`, **running** until `stop`, then **stopped** for good. While it runs it goes from step to
 * step as `courseAfter` says; no failure ends it.
 *
 * - What a listener sees is in the store already. Listeners are called in order, must be quick, and should do no more
 *   than put a key into a queue.
 * - Objects are told apart by UID: one that was deleted and made anew behind our back is a `deleted` and an `added`.
 * - An event that is older than where the watch stands is not news; without this a lagging server could take us back.
 * - After `stop` was called nothing is written and no listener called, whatever answers still arrive.
 */
export class Reflector<T extends KubeObject> {
  /** Resolves when the first list is in the store. Rejects when the reflector is stopped before. */
  readonly synced: Promise<void>;
  readonly #client: ResourceClient<T>;
  readonly #options: ReflectorOptions<T>;
  readonly #store: IndexedStore<T>;
  readonly #sync = Promise.withResolvers<void>();
  readonly #listeners = new Set<(change: Change<T>) => void>();
  #life: Life = { kind: 'idle' };
  #lastContact: number | undefined;
  readonly #restarts: Record<Restart, number> = { ended: 0, silent: 0, expired: 0, failed: 0 };

  constructor(client: ResourceClient<T>, options: ReflectorOptions<T>) {
    this.#client = client;
    this.#options = options;
    this.#store = new IndexedStore(options.indexes);
    this.synced = this.#sync.promise;
    // Nobody has to wait for it.
    this.synced.catch(() => undefined);
  }

  get store(): ObjectStore<T> {
    return this.#store;
  }

  /** @returns a function that takes the listener away again */
  onChange(listener: (change: Change<T>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** When the server last gave a sign of life, in the clock's monotonic milliseconds; undefined before the first. */
  lastContact(): number | undefined {
    return this.#lastContact;
  }

  /** How often a list or a watch had to be begun anew since the start, by what had ended the one before. */
  restarts(): Readonly<Record<Restart, number>> {
    return this.#restarts;
  }

  /** Starts it; a second call changes nothing. @throws Error when it was stopped. */
  start(): void {
    if (this.#life.kind === 'running') return;
    if (this.#life.kind === 'stopped') throw new Error('a reflector that was stopped cannot be started again');
    const abort = new AbortController();
    this.#life = { kind: 'running', abort, ended: this.#run(abort.signal) };
  }

  /** Stops it for good. Settles when nothing of it is under way any more; never rejects. */
  stop(): Promise<void> {
    const ended = this.#life.kind === 'idle' ? Promise.resolve() : this.#life.ended;
    if (this.#life.kind === 'running') this.#life.abort.abort(new Error('the reflector was stopped'));
    if (this.#life.kind !== 'stopped') this.#sync.reject(new Error('the reflector was stopped before it was synced'));
    this.#life = { kind: 'stopped', ended };
    return ended;
  }

  async #run(signal: AbortSignal): Promise<void> {
    let course: Course = { step: { kind: 'list' }, failures: 0, patienceMs: 0 };
    while (!signal.aborted) {
      const { step } = course;
      const outcome = step.kind === 'list' ? await this.#list(signal) : await this.#watch(step.resourceVersion, signal);
      if (signal.aborted) return;
      if (outcome.kind === 'listFailed' || outcome.kind === 'watchFailed') this.#report(outcome.error);
      const restart = restartAfter(outcome);
      if (restart) this.#restarts[restart]++;
      course = courseAfter(outcome, course.failures);
      if (outcome.kind !== 'listed') await this.#pause(course, signal);
    }
  }

  async #pause({ failures, patienceMs }: Course, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    const longest = failures === 0 ? 0 : Math.min(LONGEST_PAUSE_MS, BASE_PAUSE_MS * 2 ** Math.min(failures - 1, 20));
    const pause = Math.max(patienceMs, longest * (0.5 + random.next() / 2));
    if (pause > 0) await sleep(clock, pause, signal).catch(() => undefined);
  }

  async #list(signal: AbortSignal): Promise<Outcome> {
    const { namespace, labelSelector } = this.#options;
    try {
      const { items, resourceVersion } = await this.#client.list({ namespace, labelSelector, signal });
      if (!signal.aborted) {
        this.#heard();
        this.#replace(items);
        this.#sync.resolve();
      }
      return { kind: 'listed', resourceVersion };
    } catch (error) {
      return { kind: 'listFailed', error };
    }
  }

  async #watch(from: string, signal: AbortSignal): Promise<Outcome> {
    const { clock, random, namespace, labelSelector } = this.#options;
    const begun = clock.monotonic();
    const timeoutSeconds = between(random, WATCH_SECONDS.least, WATCH_SECONDS.most);
    let resourceVersion = from;
    let opened = false;
    const watchdog = new Watchdog(clock, SILENCE_MS, signal);
    const over = new AbortController();
    const checked = this.#check(watchdog, () => resourceVersion, over.signal);
    try {
      // One try: how to go on after a failure depends on more than the transport knows.
      const options = { namespace, labelSelector, resourceVersion, timeoutSeconds, signal: watchdog.signal, tries: 1 };
      const events = await this.#client.watch(options);
      opened = true;
      this.#heard();
      for await (const event of events) {
        if (signal.aborted) break;
        watchdog.pat();
        this.#heard();
        const version = event.type === 'BOOKMARK' ? event.resourceVersion : event.object.metadata.resourceVersion;
        if (version === undefined || isNotAfter(version, resourceVersion)) continue;
        resourceVersion = version;
        if (event.type !== 'BOOKMARK') this.#take(event);
      }
      return { kind: 'watchEnded', resourceVersion, lastedMs: clock.monotonic() - begun };
    } catch (error) {
      if (watchdog.barked) return { kind: 'watchSilent' };
      return { kind: 'watchFailed', resourceVersion, lastedMs: clock.monotonic() - begun, opened, error };
    } finally {
      watchdog.release();
      over.abort();
      await checked;
    }
  }

  /** Lets the watchdog bark when the server tells others of a change, and not the watch that stands at `position`. */
  async #check(watchdog: Watchdog, position: () => string, signal: AbortSignal): Promise<void> {
    const { clock, checkMs, namespace, labelSelector } = this.#options;
    if (checkMs === undefined) return;
    let checkedAt = watchdog.heardAt;
    try {
      for (;;) {
        const due = Math.max(checkedAt, watchdog.heardAt) + checkMs;
        if (due > clock.monotonic()) {
          await sleep(clock, due - clock.monotonic(), signal);
          continue;
        }
        const where = { namespace, labelSelector, resourceVersion: position() };
        const change = await firstChangeAfter(this.#client, where, clock, signal);
        checkedAt = clock.monotonic();
        if (change === undefined) continue;
        await sleep(clock, LAG_MS, signal);
        if (!isNotAfter(change, position())) watchdog.bark('others are told of changes, and this watch is not');
      }
    } catch {
      // The watch is over.
    }
  }

  #take({ type, object }: Exclude<WatchEvent<T>, { type: 'BOOKMARK' }>): void {
    if (type !== 'DELETED') {
      this.#put(object);
      return;
    }
    const before = this.#store.get(keyOf(object));
    // Of another object that had the name before: long gone here.
    if (before && before.metadata.uid === object.metadata.uid) this.#remove(before, object);
  }

  #replace(items: readonly T[]): void {
    const listed = new Set(items.map(keyOf));
    for (const key of this.#store.keys()) {
      const before = this.#store.get(key);
      if (before && !listed.has(key)) this.#remove(before, before);
    }
    for (const item of items) this.#put(item);
  }

  #put(object: T): void {
    const key = keyOf(object);
    let before = this.#store.get(key);
    if (before && before.metadata.uid !== object.metadata.uid) {
      this.#remove(before, before);
      before = undefined;
    }
    if (before && before.metadata.resourceVersion === object.metadata.resourceVersion) return;
    this.#store.set(object);
    this.#tell(before ? { kind: 'updated', key, object, before } : { kind: 'added', key, object });
  }

  #remove(before: T, object: T): void {
    const key = keyOf(before);
    this.#store.delete(key);
    this.#tell({ kind: 'deleted', key, object, before });
  }

  #tell(change: Change<T>): void {
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (error) {
        this.#report(error);
      }
    }
  }

  #heard(): void {
    this.#lastContact = this.#options.clock.monotonic();
  }

  #report(error: unknown): void {
    try {
      this.#options.onTrouble?.(error);
    } catch {
      // Who is told of trouble must not become the next one.
    }
  }
}
