import type { Clock } from '../../ambient/clock.ts';
import type { Address } from './address.ts';
import type { KubeDocument } from './document.ts';
import { type Objects, timestamp } from './objects.ts';
import { forbidden, notFound, preconditionFailed } from './status-error.ts';
import type { DeleteOptions } from './write-options.ts';

/** How a deletion went: the object is gone, or it waits for its finalizers. */
export type Deleted =
  | { readonly kind: 'gone'; readonly object: KubeDocument }
  | { readonly kind: 'waiting'; readonly object: KubeDocument };

const PROTECTED_NAMESPACES = new Set(['default', 'kube-system']);

/**
 * Deletes an object, or marks it to go when its last finalizer does; a namespace takes its content with it.
 * @throws StatusError
 */
export function deleteObject(objects: Objects, clock: Clock, address: Address, options: DeleteOptions): Deleted {
  const { type, namespace, name } = address;
  const before = objects.find(type, namespace, name);
  if (!before) throw notFound(type, name);
  const { uid, resourceVersion } = before.metadata;
  if (options.uid !== undefined && options.uid !== uid) {
    const why = `the UID in the precondition (${options.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`;
    throw preconditionFailed(type, name, why);
  }
  if (options.resourceVersion !== undefined && options.resourceVersion !== resourceVersion) {
    const why = `the ResourceVersion in the precondition (${options.resourceVersion}) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`;
    throw preconditionFailed(type, name, why);
  }
  if (type.storage === 'namespaces' && PROTECTED_NAMESPACES.has(name)) {
    throw forbidden(type, name, 'this namespace may not be deleted');
  }
  const content = type.storage === 'namespaces' ? objects.contentOf(name) : [];
  if ((before.metadata.finalizers ?? []).length === 0 && content.length === 0) {
    if (!options.dryRun) objects.remove(type, before);
    return { kind: 'gone', object: before };
  }
  if (before.metadata.deletionTimestamp !== undefined) return { kind: 'waiting', object: before };
  const marked = {
    ...before,
    ...(type.storage === 'namespaces' && { status: { phase: 'Terminating' } }),
    metadata: {
      ...before.metadata,
      deletionTimestamp: timestamp(clock),
      deletionGracePeriodSeconds: 0,
      ...(before.metadata.generation !== undefined && { generation: before.metadata.generation + 1 }),
    },
  };
  if (options.dryRun) return { kind: 'waiting', object: marked };
  const object = objects.put(type, marked);
  for (const [held, inside] of content) {
    const address = { type: held, namespace: name, name: inside.metadata.name ?? '' };
    deleteObject(objects, clock, address, { dryRun: false });
  }
  return { kind: 'waiting', object };
}
