import { isConflict, isNotFound } from './errors.ts';
import type { CallOptions, KubeObject, ResourceClient } from './resource-client.ts';

/** Whoever else writes to the object so often between our read and our write that this does not do is a fault. */
const MOST_TRIES = 5;

/**
 * Makes sure that `object` has `finalizer`, before anything is done that its deletion must undo.
 * @returns the object, with the finalizer; undefined when it must not be begun with: it is gone, being deleted, or its
 *   name belongs to another object by now
 * @throws KubeError
 */
export async function ensureFinalizer<T extends KubeObject>(
  client: ResourceClient<T>,
  object: T,
  finalizer: string,
  options: CallOptions = {},
): Promise<T | undefined> {
  return edit(client, object, options, (now) => {
    if (now.metadata.finalizers?.includes(finalizer)) return 'done';
    // The API server takes no new finalizer then.
    if (now.metadata.deletionTimestamp !== undefined) return 'impossible';
    return [...(now.metadata.finalizers ?? []), finalizer];
  });
}

/**
 * Takes `finalizer` off `object`, which lets its deletion go on. Nothing to do when it is off already, when the object
 * is gone, or when its name belongs to another object by now.
 * @throws KubeError
 */
export async function removeFinalizer<T extends KubeObject>(
  client: ResourceClient<T>,
  object: T,
  finalizer: string,
  options: CallOptions = {},
): Promise<void> {
  await edit(client, object, options, (now) => {
    const finalizers = now.metadata.finalizers ?? [];
    return finalizers.includes(finalizer) ? finalizers.filter((entry) => entry !== finalizer) : 'done';
  });
}

/**
 * Replaces the list of finalizers and touches nothing else. A merge patch replaces a list as a whole, so it carries the
 * resourceVersion that the list was read at: when anything was written in between, the answer is a Conflict, and the
 * object is read again. (After a conflict even an object from a cache is as good as read.)
 */
async function edit<T extends KubeObject>(
  client: ResourceClient<T>,
  object: T,
  options: CallOptions,
  decide: (now: T) => readonly string[] | 'done' | 'impossible',
): Promise<T | undefined> {
  const { name, namespace, uid } = object.metadata;
  let now = object;
  try {
    for (let tried = 1; ; tried++) {
      const finalizers = decide(now);
      if (finalizers === 'done') return now;
      if (finalizers === 'impossible') return undefined;
      const { resourceVersion } = now.metadata;
      try {
        return await client.patch(name, namespace, { metadata: { resourceVersion, finalizers } }, options);
      } catch (error) {
        if (!isConflict(error) || tried === MOST_TRIES) throw error;
      }
      now = await client.get(name, namespace, options);
      if (now.metadata.uid !== uid) return undefined;
    }
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
