import { type Clock, deadline } from '../ambient/clock.ts';
import { type Random, uuid } from '../ambient/random.ts';
import { isNotFound } from './errors.ts';
import { type KubeObject, ResourceClient, type ResourceKind } from './resource-client.ts';
import { TokenBucket } from './token-bucket.ts';
import type { Transport } from './transport.ts';

/** The object that an event is about. */
export interface EventSubject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  /** Absent for an object of the cluster; its events are in the namespace `default`. */
  readonly namespace?: string | undefined;
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
}

export interface EventContent {
  readonly type: 'Normal' | 'Warning';
  /** Why, in one CamelCase word. */
  readonly reason: string;
  /** What was done or tried, in one CamelCase word. */
  readonly action: string;
  /** For people. What exceeds 1 kB is cut off. */
  readonly note: string;
}

export interface EventRecorderOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Who reports: becomes `reportingController`. */
  readonly component: string;
  /** Which process reports, for example the name of the pod. Default: the component. */
  readonly instance?: string;
  /** Is told of events that could not be written. */
  readonly onTrouble?: (error: unknown) => void;
}

const EVENTS: ResourceKind = {
  group: 'events.k8s.io',
  version: 'v1',
  plural: 'events',
  kind: 'Event',
  namespaced: true,
};

/** The same event again within this time raises the count of the first one instead of becoming another. */
const SAME_WITHIN_MS = 10 * 60_000;
/** Counts are written at most this often, for each event. */
const SERIES_EVERY_MS = 60_000;
/** Different events about one object: so many at once, then one a minute. */
const BURST = 25;
const REFILL_MS = 60_000;
/** Events that wait to be sent, and events that are remembered. More are dropped: they are news, not records. */
const MOST_WAITING = 500;
const MOST_REMEMBERED = 2_000;
const LONGEST_NOTE_BYTES = 1024;
const LONGEST_WORD = 128;
const LONGEST_NAME = 200;
const SEND_TIMEOUT_MS = 5_000;
/** What `stop` waits for what is not sent yet. */
const FLUSH_MS = 3_000;

/** `events.k8s.io/v1` */
interface EventObject extends KubeObject {
  readonly eventTime: string;
  readonly reportingController: string;
  readonly reportingInstance: string;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly action: string;
  readonly note: string;
  readonly regarding: EventSubject;
}

interface Remembered {
  readonly name: string;
  readonly namespace: string;
  count: number;
  /** Monotonic. */
  lastAt: number;
  /** As the API wants it. */
  lastObserved: string;
  /** Set while a count waits to be written. */
  cancelWrite?: (() => void) | undefined;
}

/**
 * Writes Kubernetes events in the background. `record` returns at once and never throws, and nothing that happens to an
 * event is worth failing a reconcile for: what cannot be written is reported to `onTrouble` and forgotten.
 */
export class EventRecorder {
  readonly #client: ResourceClient<EventObject>;
  readonly #options: EventRecorderOptions;
  /** By content and subject; the one seen longest ago first. */
  readonly #remembered = new Map<string, Remembered>();
  readonly #buckets = new Map<string, TokenBucket>();
  readonly #waiting: (() => Promise<unknown>)[] = [];
  readonly #abort = new AbortController();
  #sending: Promise<void> | undefined;
  #stopped = false;

  constructor(transport: Transport, options: EventRecorderOptions) {
    this.#client = new ResourceClient(transport, EVENTS);
    this.#options = options;
  }

  record(subject: EventSubject, content: EventContent): void {
    if (this.#stopped) return;
    const { clock } = this.#options;
    const about = JSON.stringify([subject.apiVersion, subject.kind, subject.namespace, subject.name, subject.uid]);
    const id = JSON.stringify([about, content.type, content.reason, content.action, content.note]);
    const now = clock.monotonic();
    this.#forgetOld(now);
    const earlier = this.#remembered.get(id);
    if (earlier) {
      this.#repeat(id, earlier, now);
      return;
    }
    if (!this.#bucketOf(about).take() || this.#waiting.length >= MOST_WAITING) return;
    const event = this.#eventOf(subject, content);
    const { name, namespace = 'default' } = event.metadata;
    this.#remembered.set(id, { name, namespace, count: 1, lastAt: now, lastObserved: event.eventTime });
    this.#send(async () => {
      try {
        await this.#client.create(event, this.#callOptions());
      } catch (error) {
        // The next one of the same content must be tried in full, not counted onto one that is not there.
        this.#forget(id);
        throw error;
      }
    });
  }

  /** Sends what is waiting, for up to three seconds, and takes nothing more. Never rejects. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const [id, entry] of this.#remembered) {
      if (!entry.cancelWrite) continue;
      entry.cancelWrite();
      this.#writeSeries(id, entry);
    }
    const flush = deadline(this.#options.clock, FLUSH_MS, () => new Error('events are no longer waited for'));
    const giveUp = (): void => {
      this.#waiting.length = 0;
      this.#abort.abort(flush.signal.reason);
    };
    flush.signal.addEventListener('abort', giveUp, { once: true });
    await this.#sending;
    flush.signal.removeEventListener('abort', giveUp);
    flush.release();
  }

  #repeat(id: string, entry: Remembered, now: number): void {
    entry.count++;
    entry.lastAt = now;
    entry.lastObserved = this.#microTime();
    this.#remembered.delete(id);
    this.#remembered.set(id, entry);
    entry.cancelWrite ??= this.#options.clock.after(SERIES_EVERY_MS, () => this.#writeSeries(id, entry));
  }

  #writeSeries(id: string, entry: Remembered): void {
    entry.cancelWrite = undefined;
    const { name, namespace, count, lastObserved } = entry;
    this.#send(async () => {
      try {
        const series = { count, lastObservedTime: lastObserved };
        await this.#client.patch(name, namespace, { series }, this.#callOptions());
      } catch (error) {
        // The API server deletes events after an hour.
        if (!isNotFound(error)) throw error;
        this.#forget(id);
      }
    });
  }

  /** One at a time, in order: a count must not overtake its event. */
  #send(job: () => Promise<unknown>): void {
    this.#waiting.push(job);
    this.#sending ??= this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    for (let job = this.#waiting.shift(); job; job = this.#waiting.shift()) {
      try {
        await job();
      } catch (error) {
        this.#report(error);
      }
    }
    // Here, and not when the promise settles: what is pushed between those two moments would wait for ever.
    this.#sending = undefined;
  }

  #eventOf(subject: EventSubject, { type, reason, action, note }: EventContent): EventObject {
    const { component, instance = component, random } = this.#options;
    return {
      metadata: {
        // Cut off, it may end in what no part of a name may end in.
        name: `${subject.name.slice(0, LONGEST_NAME).replace(/[^a-z0-9]+$/, '')}.${uuid(random).replaceAll('-', '').slice(0, 16)}`,
        namespace: subject.namespace || 'default',
      },
      eventTime: this.#microTime(),
      reportingController: component,
      reportingInstance: instance.slice(0, LONGEST_WORD),
      type,
      reason: reason.slice(0, LONGEST_WORD),
      action: action.slice(0, LONGEST_WORD),
      note: cutToBytes(note, LONGEST_NOTE_BYTES),
      regarding: subject,
    };
  }

  /** The API wants exactly six digits of a second's fraction and answers 400 to Date's three. */
  #microTime(): string {
    return new Date(this.#options.clock.now()).toISOString().replace('Z', '000Z');
  }

  #callOptions(): { readonly signal: AbortSignal; readonly timeoutMs: number; readonly tries: number } {
    return { signal: this.#abort.signal, timeoutMs: SEND_TIMEOUT_MS, tries: 2 };
  }

  #bucketOf(about: string): TokenBucket {
    let bucket = this.#buckets.get(about);
    if (!bucket) {
      bucket = new TokenBucket(this.#options.clock, BURST, REFILL_MS);
      this.#buckets.set(about, bucket);
    }
    return bucket;
  }

  #forgetOld(now: number): void {
    for (const [id, { lastAt }] of this.#remembered) {
      if (now - lastAt < SAME_WITHIN_MS && this.#remembered.size <= MOST_REMEMBERED) break;
      this.#forget(id);
    }
    if (this.#buckets.size <= MOST_REMEMBERED) return;
    // A full bucket is as good as a new one.
    for (const [about, bucket] of this.#buckets) if (bucket.isFull()) this.#buckets.delete(about);
  }

  #forget(id: string): void {
    this.#remembered.get(id)?.cancelWrite?.();
    this.#remembered.delete(id);
  }

  #report(error: unknown): void {
    try {
      this.#options.onTrouble?.(error);
    } catch {
      // Who is told of trouble must not become the next one.
    }
  }
}

/** The longest beginning of `text` that fits, with an ellipsis when something is missing; no character is split. */
function cutToBytes(text: string, most: number): string {
  if (Buffer.byteLength(text) <= most) return text;
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(most - Buffer.byteLength('…')));
  return `${text.slice(0, read)}…`;
}
