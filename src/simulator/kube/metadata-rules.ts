import type { KubeDocument, ObjectMeta } from './document.ts';
import { isObject, type JsonObject } from './json-object.ts';
import type { ResourceType } from './resource-type.ts';
import { badRequest, type StatusCause } from './status-error.ts';

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const QUALIFIED = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const SUBDOMAIN_RULE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_RULE =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const NAME_PART_RULE =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE_RULE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const LONGEST_ANNOTATIONS = 256 * 1024;

type Check = 'string' | 'integer' | 'texts' | 'strings' | 'objects';

const FIELDS: Readonly<Record<keyof ObjectMeta, Check>> = {
  name: 'string',
  generateName: 'string',
  namespace: 'string',
  uid: 'string',
  resourceVersion: 'string',
  generation: 'integer',
  creationTimestamp: 'string',
  deletionTimestamp: 'string',
  deletionGracePeriodSeconds: 'integer',
  labels: 'strings',
  annotations: 'strings',
  finalizers: 'texts',
  ownerReferences: 'objects',
  managedFields: 'objects',
};

/**
 * The metadata that this server knows; names of other fields go into `unknown`. Null and empty count as absent.
 * @throws StatusError when a field is of the wrong type
 */
export function readMetadata(metadata: unknown, unknown: string[]): ObjectMeta {
  if (metadata === undefined || metadata === null) return {};
  if (!isObject(metadata)) throw badRequest('metadata must be an object');
  const read: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(metadata)) {
    if (!Object.hasOwn(FIELDS, name)) {
      if (name !== 'selfLink') unknown.push(`metadata.${name}`);
      continue;
    }
    if (value === null) continue;
    if (!fits(FIELDS[name as keyof ObjectMeta], value)) {
      throw badRequest(`metadata.${name} is not of the type that it must have: ${JSON.stringify(value)}`);
    }
    const isEmpty =
      value === '' ||
      (Array.isArray(value) && value.length === 0) ||
      (isObject(value) && Object.keys(value).length === 0);
    if (!isEmpty) read[name] = value;
  }
  return read;
}

function fits(check: Check, value: unknown): boolean {
  const isText = (entry: unknown): boolean => typeof entry === 'string';
  switch (check) {
    case 'string':
      return isText(value);
    case 'integer':
      return Number.isInteger(value);
    case 'texts':
      return Array.isArray(value) && value.every(isText);
    case 'strings':
      return isObject(value) && Object.values(value).every(isText);
    default:
      return Array.isArray(value) && value.every(isObject);
  }
}

const wrong = (field: string, value: unknown, rule: string): StatusCause => ({
  reason: 'FieldValueInvalid',
  message: `Invalid value: ${JSON.stringify(value)}: ${rule}`,
  field,
});

/** What is wrong with names, labels, annotations and finalizers. */
export function metadataCauses(type: ResourceType, { metadata }: KubeDocument): StatusCause[] {
  return [
    ...nameCauses(type, metadata),
    ...Object.entries(metadata.labels ?? {}).flatMap(([key, value]) => [
      ...qualifiedCauses('metadata.labels', key),
      ...(value === '' || (QUALIFIED.test(value) && value.length <= 63)
        ? []
        : [wrong('metadata.labels', value, value.length > 63 ? 'must be no more than 63 bytes' : VALUE_RULE)]),
    ]),
    ...annotationCauses(metadata.annotations ?? {}),
    ...(metadata.finalizers ?? []).flatMap((finalizer) => qualifiedCauses('metadata.finalizers', finalizer)),
  ];
}

function nameCauses(type: ResourceType, { name, generateName }: ObjectMeta): StatusCause[] {
  const [pattern, rule, longest] =
    type.nameRule === 'label' ? ([LABEL, LABEL_RULE, 63] as const) : ([SUBDOMAIN, SUBDOMAIN_RULE, 253] as const);
  const causes: StatusCause[] = [];
  if (generateName !== undefined && !pattern.test(generateName.replace(/-$/, 'a'))) {
    causes.push(wrong('metadata.generateName', generateName, rule));
  }
  if (name === undefined) {
    const message = 'Required value: name or generateName is required';
    causes.push({ reason: 'FieldValueRequired', message, field: 'metadata.name' });
  } else {
    if (name.length > longest) causes.push(wrong('metadata.name', name, `must be no more than ${longest} characters`));
    if (type.nameRule === 'label' && name.includes('.')) {
      causes.push(wrong('metadata.name', name, 'must not contain dots'));
    } else if (!pattern.test(name)) causes.push(wrong('metadata.name', name, rule));
  }
  return causes;
}

function qualifiedCauses(field: string, key: string): StatusCause[] {
  const slash = key.lastIndexOf('/');
  const prefix = slash < 0 ? undefined : key.slice(0, slash);
  const name = key.slice(slash + 1);
  const causes: StatusCause[] = [];
  if (prefix === '') causes.push(wrong(field, key, 'prefix part must be non-empty'));
  else if (prefix !== undefined && !SUBDOMAIN.test(prefix))
    causes.push(wrong(field, key, `prefix part ${SUBDOMAIN_RULE}`));
  if (name === '') causes.push(wrong(field, key, 'name part must be non-empty'));
  else if (name.length > 63) causes.push(wrong(field, key, 'name part must be no more than 63 bytes'));
  if (!QUALIFIED.test(name)) causes.push(wrong(field, key, NAME_PART_RULE));
  return causes;
}

function annotationCauses(annotations: Readonly<Record<string, string>>): StatusCause[] {
  const entries = Object.entries(annotations);
  const causes = entries.flatMap(([key]) => qualifiedCauses('metadata.annotations', key.toLowerCase()));
  const size = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  if (size > LONGEST_ANNOTATIONS) {
    causes.push({
      reason: 'FieldValueTooLong',
      message: `Too long: may not be more than ${LONGEST_ANNOTATIONS} bytes`,
      field: 'metadata.annotations',
    });
  }
  return causes;
}

/** Finalizers that were added although the object is being deleted. */
export function finalizerCauses(before: ObjectMeta, after: ObjectMeta): StatusCause[] {
  if (before.deletionTimestamp === undefined) return [];
  const added = (after.finalizers ?? []).filter((finalizer) => !before.finalizers?.includes(finalizer));
  if (added.length === 0) return [];
  const list = added.map((finalizer) => JSON.stringify(finalizer)).join(', ');
  const why = `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`;
  return [{ reason: 'FieldValueForbidden', message: `Forbidden: ${why}`, field: 'metadata.finalizers' }];
}

export const rawMetadata = (document: JsonObject): JsonObject =>
  isObject(document['metadata']) ? document['metadata'] : {};
