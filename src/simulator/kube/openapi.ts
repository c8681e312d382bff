import type { StructuralSchema } from '../../api/structural.ts';
import { isObject, type JsonObject } from './json-object.ts';
import { apiVersionOf, type ResourceType } from './resource-type.ts';

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
const KIND_DESCRIPTION =
  'Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds';
const VERSION_DESCRIPTION =
  'APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources';
const META_DESCRIPTION =
  "Standard object's metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

/** Under `/openapi/v3`, where the documents of one group and version are: `apis/amifleet.io/v1alpha1`. */
const pathOf = (type: ResourceType): string => `${type.group === '' ? 'api' : 'apis'}/${apiVersionOf(type)}`;

/** `/openapi/v3`: where to find the rest. */
export const openApiIndex = (types: readonly ResourceType[]): JsonObject => ({
  paths: Object.fromEntries(
    types.map((type) => [pathOf(type), { serverRelativeURL: `/openapi/v3/${pathOf(type)}?hash=0` }]),
  ),
});

/** The document of one group and version, or undefined where there is none: what kubectl explains and validates by. */
export function openApiDocument(types: readonly ResourceType[], path: string): JsonObject | undefined {
  const served = types.filter((type) => pathOf(type) === path);
  if (served.length === 0) return undefined;
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'v1.36.0' },
    paths: Object.fromEntries(served.flatMap(pathsOf)),
    components: {
      schemas: {
        ...Object.fromEntries(served.map((type) => [schemaName(type), schemaOf(type)])),
        [META]: META_SCHEMA,
      },
    },
  };
}

const kindOf = ({ group, version, kind }: ResourceType): JsonObject => ({ group, version, kind });
const schemaName = ({ group, version, kind }: ResourceType): string =>
  [...group.split('.').toReversed(), version, kind].filter((part) => part !== '').join('.');

function pathsOf(type: ResourceType): [string, JsonObject][] {
  const collection = `/${pathOf(type)}/${type.namespaced ? 'namespaces/{namespace}/' : ''}${type.plural}`;
  const operation = (action: string, ...parameters: readonly string[]): JsonObject => ({
    parameters: parameters.map((name) => ({ name, in: 'query', schema: { type: 'string', uniqueItems: true } })),
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': kindOf(type),
  });
  const write = ['dryRun', 'fieldManager', 'fieldValidation'];
  return [
    [collection, { get: operation('list'), post: operation('post', ...write) }],
    [
      `${collection}/{name}`,
      {
        get: operation('get'),
        put: operation('put', ...write),
        patch: operation('patch', ...write, 'force'),
        delete: operation('delete', 'dryRun'),
      },
    ],
  ];
}

function schemaOf(type: ResourceType): JsonObject {
  const { properties } = type.schema;
  return {
    ...openApi(type.schema),
    properties: {
      ...(openApi({ properties: properties ?? {} })['properties'] as JsonObject),
      apiVersion: { type: 'string', description: VERSION_DESCRIPTION },
      kind: { type: 'string', description: KIND_DESCRIPTION },
      metadata: { description: META_DESCRIPTION, allOf: [{ $ref: `#/components/schemas/${META}` }] },
    },
    'x-kubernetes-group-version-kind': [kindOf(type)],
  };
}

/** A schema without what only the API server itself reads. */
function openApi(schema: StructuralSchema): JsonObject {
  const strip = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(strip);
    if (!isObject(value)) return value;
    const kept = Object.entries(value).filter(([name]) => name !== 'x-kubernetes-validations');
    return Object.fromEntries(kept.map(([name, child]) => [name, strip(child)]));
  };
  return strip(schema) as JsonObject;
}

const text = { type: 'string' };
const texts = { type: 'object', additionalProperties: text };
const META_SCHEMA: JsonObject = {
  type: 'object',
  description:
    'ObjectMeta is metadata that all persisted resources must have, which includes all objects users must create.',
  properties: {
    annotations: texts,
    creationTimestamp: { ...text, format: 'date-time' },
    deletionGracePeriodSeconds: { type: 'integer', format: 'int64' },
    deletionTimestamp: { ...text, format: 'date-time' },
    finalizers: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
    generateName: text,
    generation: { type: 'integer', format: 'int64' },
    labels: texts,
    managedFields: { type: 'array', items: { type: 'object' } },
    name: text,
    namespace: text,
    ownerReferences: { type: 'array', items: { type: 'object' } },
    resourceVersion: text,
    uid: text,
  },
};
