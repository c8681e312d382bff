import { isDeepStrictEqual } from 'node:util';
import type { KubeDocument, ObjectMeta } from './document.ts';
import { type JsonObject, without } from './json-object.ts';
import type { ResourceType } from './resource-type.ts';
import { badRequest, conflict, staleWrite } from './status-error.ts';

/**
 * Whether what was sent means the object that is there.
 * @throws StatusError: another name or namespace than that of the path, another UID, an older resourceVersion
 */
export function checkAddress(
  address: { readonly type: ResourceType; readonly namespace?: string | undefined; readonly name: string },
  sent: ObjectMeta,
  before: KubeDocument | undefined,
): void {
  const { type, namespace, name } = address;
  if (sent.name !== undefined && sent.name !== name) {
    throw badRequest(`the name of the object (${sent.name}) does not match the name on the URL (${name})`);
  }
  if (sent.namespace !== undefined && sent.namespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  if (!before) return;
  const { uid, resourceVersion } = before.metadata;
  if (sent.uid !== undefined && sent.uid !== uid) {
    throw conflict(type, name, `Precondition failed: UID in precondition: ${sent.uid}, UID in object meta: ${uid}`);
  }
  if (sent.resourceVersion !== undefined && sent.resourceVersion !== resourceVersion) throw staleWrite(type, name);
}

const OF_THE_SERVER = [
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'generateName',
  'managedFields',
  'name',
  'namespace',
] as const;

/** What was sent, with what only the server decides as it was. */
export function withServerMetadata(sent: ObjectMeta, before: ObjectMeta): ObjectMeta {
  const kept = Object.fromEntries(OF_THE_SERVER.filter((name) => name in before).map((name) => [name, before[name]]));
  return { ...without(sent as JsonObject, ...OF_THE_SERVER), ...kept };
}

/** The generation counts changes of everything but metadata and a status that is a subresource; builtin kinds here have none. */
export function generationAfter(type: ResourceType, before: KubeDocument, after: KubeDocument): number | undefined {
  const { generation } = before.metadata;
  if (generation === undefined) return undefined;
  const content = (object: KubeDocument): JsonObject =>
    without(object, 'metadata', ...(type.hasStatus ? ['status'] : []));
  return isDeepStrictEqual(content(before), content(after)) ? generation : generation + 1;
}
