import { isDeepStrictEqual } from 'node:util';
import { isNotFound } from './errors.ts';
import type { CallOptions, KubeObject, ResourceClient } from './resource-client.ts';

/** Who owns the status of our kinds, in `metadata.managedFields`. */
const FIELD_MANAGER = 'amifleet';

/** What our last write to an object came to, and the versions of the object that are known to be older than it. */
interface Written<T> {
  readonly older: Set<string>;
  readonly latest: T;
}

/** Objects of one client that are remembered. It matters only until a watch has caught up: milliseconds. */
const MOST_REMEMBERED = 200;
/** By client, then by UID. */
const written = new WeakMap<object, Map<string, Written<unknown>>>();

/**
 * Makes `status` the whole status of `object`, by server-side apply: what we wrote before and leave out now goes, and
 * what other managers own beside it stays.
 *
 * Nothing is sent when the object shows that status already. A condition whose `status` has not changed keeps its
 * `lastTransitionTime`, whatever the new one says, so that passing time alone never causes a write. `object` may come
 * from a cache: where our own last write is not in it yet, that write is what counts. Otherwise going from A to B and
 * at once back to A would leave B for good.
 * @returns the object as it is afterwards, or undefined when it does not exist any more
 * @throws KubeError, a Conflict among others when the name belongs to another object (another UID) by now
 */
export async function writeStatus<T extends KubeObject & { readonly status?: unknown }>(
  client: ResourceClient<T>,
  object: T,
  status: NonNullable<T['status']>,
  options: CallOptions = {},
): Promise<T | undefined> {
  const current = latestOf(client, object);
  const next = withTransitionTimes(plain(status), current.status);
  if (isDeepStrictEqual(next, plain(current.status))) return current;
  const { name, namespace, uid } = object.metadata;
  try {
    const applied = { metadata: { name, namespace, uid }, status: next };
    const latest = await client.applyStatus(applied, { ...options, fieldManager: FIELD_MANAGER, force: true });
    remember(client, object, current, latest);
    return latest;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function latestOf<T extends KubeObject>(client: ResourceClient<T>, object: T): T {
  const { uid = '', resourceVersion = '' } = object.metadata;
  const known = written.get(client)?.get(uid) as Written<T> | undefined;
  return known?.older.has(resourceVersion) ? known.latest : object;
}

function remember<T extends KubeObject>(client: ResourceClient<T>, given: T, current: T, latest: T): void {
  const ofClient = written.get(client) ?? new Map<string, Written<unknown>>();
  written.set(client, ofClient);
  const { uid = '' } = given.metadata;
  const older = given === current ? new Set<string>() : (ofClient.get(uid)?.older ?? new Set<string>());
  for (const { metadata } of [given, current]) older.add(metadata.resourceVersion ?? '');
  // When nothing had to change the version is still the same, and the cache is not behind.
  older.delete(latest.metadata.resourceVersion ?? '');
  ofClient.delete(uid);
  ofClient.set(uid, { older, latest });
  const [oldest] = ofClient.keys();
  if (ofClient.size > MOST_REMEMBERED && oldest !== undefined) ofClient.delete(oldest);
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
      const kept = earlier?.status === condition.status ? earlier : condition;
      return { ...condition, lastTransitionTime: kept.lastTransitionTime };
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
