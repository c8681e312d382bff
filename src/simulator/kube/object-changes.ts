import { isDeepStrictEqual } from 'node:util';
import { type KubeDocument, type ObjectMeta, SERVER_METADATA } from './document.ts';
import { type JsonObject, without } from './json-object.ts';
import type { ResourceType } from './resource-type.ts';
import { badRequest, conflict, type StatusCause, staleWrite } from './status-error.ts';

interface Addressed {
  readonly type: ResourceType;
  readonly namespace?: string | undefined;
  readonly name: string;
}

/**
 * Whether what was sent means the object that is there.
 * @throws StatusError: another name or namespace than that of the path, another UID, an older resourceVersion
 */
export function checkAddress(address: Addressed, sent: ObjectMeta, before: KubeDocument | undefined): void {
  const { type, namespace, name } = address;
  if (sent.name !== undefined && sent.name !== name) {
    throw badRequest(`the name of the object (${sent.name}) does not match the name on the URL (${name})`);
  }
  if (sent.namespace !== undefined && sent.namespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  if (!before) return;
  if (sent.resourceVersion !== undefined && sent.resourceVersion !== before.metadata.resourceVersion) {
    throw staleWrite(type, name);
  }
}

/**
 * Whether a PUT means this very object.
 * @throws StatusError
 */
export function checkUid({ type, namespace, name }: Addressed, sent: ObjectMeta, before: ObjectMeta): void {
  if (sent.uid === undefined || sent.uid === before.uid) return;
  const key = ['/registry', type.group, type.plural, namespace, name].filter((part) => part !== undefined).join('/');
  const why = `Precondition failed: UID in precondition: ${sent.uid}, UID in object meta: ${before.uid}`;
  throw conflict(
    type,
    name,
    `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: ${why}`,
  );
}

/** What an update may not change, where that was tried. */
export function immutableCauses({ uid }: ObjectMeta, before: ObjectMeta): StatusCause[] {
  if (uid === undefined || uid === before.uid) return [];
  const message = `Invalid value: ${JSON.stringify(uid)}: field is immutable`;
  return [{ reason: 'FieldValueInvalid', message, field: 'metadata.uid' }];
}

/** What was sent, with what only the server decides as it was. */
export function withServerMetadata(sent: ObjectMeta, before: ObjectMeta): ObjectMeta {
  const kept = Object.fromEntries(SERVER_METADATA.filter((name) => name in before).map((name) => [name, before[name]]));
  return { ...without(sent as JsonObject, ...SERVER_METADATA), ...kept };
}

/** The generation counts changes of everything but metadata and a status that is a subresource; builtin kinds here have none. */
export function generationAfter(type: ResourceType, before: KubeDocument, after: KubeDocument): number | undefined {
  const { generation } = before.metadata;
  if (generation === undefined) return undefined;
  const content = (object: KubeDocument): JsonObject =>
    without(object, 'metadata', ...(type.hasStatus ? ['status'] : []));
  return isDeepStrictEqual(content(before), content(after)) ? generation : generation + 1;
}
