import { isDeepStrictEqual } from 'node:util';
import { isConflict, isNotFound } from './errors.ts';
import type { CallOptions, KubeObject, ResourceClient } from './resource-client.ts';
import { isNotAfter } from './resource-version.ts';

/** Who owns the status of our kinds, in `metadata.managedFields`. */
const FIELD_MANAGER = 'amifleet';

/** Our last write to an object. */
interface Written<T> {
  readonly applied: unknown;
  /** What came back. */
  readonly latest: T;
}

/**
 * What is remembered of the objects of one client, by UID, longest ago first. `recent` matters only until a watch has
 * caught up: milliseconds. `beside` holds those whose status shows more than we applied, because others own parts of it;
 * to look at them alone would mean to write for ever.
 */
interface Memory<T> {
  readonly recent: Map<string, Written<T>>;
  readonly beside: Map<string, Written<T>>;
}

/** Whoever else writes to the object so often between our read and our write that this does not do is a fault. */
const MOST_TRIES = 5;
const MOST_RECENT = 200;
const MOST_BESIDE = 1_000;
const memories = new WeakMap<object, Memory<unknown>>();

/**
 * Makes `status` the whole status of `object`, by server-side apply: what we wrote before and leave out now goes, and
 * what other managers own beside it stays.
 *
 * Nothing is sent when the object shows that status already. A condition whose `status` has not changed keeps its
 * `lastTransitionTime`, whatever the new one says, so that passing time alone never causes a write; no time goes back. `object` may come
 * from a cache: where our own last write is not in it yet, that write is what counts. Otherwise going from A to B and
 * at once back to A would leave B for good.
 * Every write carries the resourceVersion that it was decided on, because that is the only way to be sure of the object:
 * the API server does not look at a UID in the metadata of an applied status. After a conflict the object is read again.
 * @returns the object as it is afterwards; undefined when it does not exist any more, or its name belongs to another
 *   object (another UID) by now
 * @throws KubeError
 */
export async function writeStatus<T extends KubeObject & { readonly status?: unknown }>(
  client: ResourceClient<T>,
  object: T,
  status: NonNullable<T['status']>,
  options: CallOptions = {},
): Promise<T | undefined> {
  const { name, namespace, uid } = object.metadata;
  const memory = memoryOf(client);
  let current = latestOf(memory, object);
  try {
    for (let tried = 1; ; tried++) {
      const shown = plain(current.status);
      const applied = withTransitionTimes(plain(status), shown);
      if (isDeepStrictEqual(applied, shown) || differsByOthersOnly(memory, uid, applied, shown)) return current;
      const { resourceVersion } = current.metadata;
      const patch = { metadata: { name, namespace, resourceVersion }, status: applied };
      try {
        const latest = await client.applyStatus(patch, { ...options, fieldManager: FIELD_MANAGER, force: true });
        remember(memory, uid ?? '', { applied, latest });
        return latest;
      } catch (error) {
        if (!isConflict(error) || tried === MOST_TRIES) throw error;
      }
      current = await client.get(name, namespace, options);
      if (current.metadata.uid !== uid) return undefined;
    }
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/**
 * An object from a cache as it is since our own last write of its status, where the cache is behind that: who decides on
 * what the status said (a count, a time of transition) must not decide on what it said before.
 */
export function withOwnWrites<T extends KubeObject>(client: ResourceClient<T>, object: T): T {
  return latestOf(memoryOf(client), object);
}

function memoryOf<T extends KubeObject>(client: ResourceClient<T>): Memory<T> {
  const known = memories.get(client) as Memory<T> | undefined;
  if (known) return known;
  const memory: Memory<T> = { recent: new Map(), beside: new Map() };
  memories.set(client, memory);
  return memory;
}

function latestOf<T extends KubeObject>(memory: Memory<T>, object: T): T {
  const { uid = '', resourceVersion = '' } = object.metadata;
  const latest = memory.recent.get(uid)?.latest;
  return latest && isNotAfter(resourceVersion, latest.metadata.resourceVersion ?? '') ? latest : object;
}

/** Whether this is what we applied last, and the object shows what came back then. */
function differsByOthersOnly<T extends KubeObject & { readonly status?: unknown }>(
  memory: Memory<T>,
  uid: string | undefined,
  applied: unknown,
  shown: unknown,
): boolean {
  const before = memory.beside.get(uid ?? '');
  return (
    before !== undefined &&
    isDeepStrictEqual(applied, before.applied) &&
    isDeepStrictEqual(shown, plain(before.latest.status))
  );
}

function remember<T extends KubeObject & { readonly status?: unknown }>(
  { recent, beside }: Memory<T>,
  uid: string,
  write: Written<T>,
): void {
  keep(recent, uid, write, MOST_RECENT);
  if (isDeepStrictEqual(write.applied, plain(write.latest.status))) beside.delete(uid);
  else keep(beside, uid, write, MOST_BESIDE);
}

function keep<V>(map: Map<string, V>, key: string, value: V, most: number): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > most && oldest !== undefined) map.delete(oldest);
}

interface ConditionLike {
  readonly type: string;
  readonly status: string;
  readonly lastTransitionTime: string;
}

function withTransitionTimes(next: unknown, before: unknown): unknown {
  const known = new Map(conditionsOf(before).map((condition) => [condition.type, condition]));
  if (known.size === 0 || typeof next !== 'object' || next === null) return next;
  const conditions = conditionsOf(next);
  if (conditions.length === 0) return next;
  return {
    ...next,
    conditions: conditions.map((condition) => {
      const earlier = known.get(condition.type);
      if (!earlier) return condition;
      // Who decided by an older status gives an older time, and time does not go back.
      const isKept = earlier.status === condition.status || condition.lastTransitionTime < earlier.lastTransitionTime;
      return isKept ? { ...condition, lastTransitionTime: earlier.lastTransitionTime } : condition;
    }),
  };
}

function conditionsOf(status: unknown): readonly ConditionLike[] {
  if (typeof status !== 'object' || status === null || !('conditions' in status)) return [];
  return Array.isArray(status.conditions) ? (status.conditions as readonly ConditionLike[]) : [];
}

/** As it will look when it has been to the server and back: JSON knows no undefined. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown);
}
