import type { StructuralSchema } from '../../api/structural.ts';
import { isObject, type JsonObject } from './json-object.ts';

/** A schema, with what decides on the ownership of fields in builtin kinds too. */
export type FieldSchema = StructuralSchema & { readonly 'x-kubernetes-map-type'?: 'atomic' };

/** A set of fields: their paths, as `pathOf` writes them. */
export type FieldSet = ReadonlySet<string>;

const SEPARATOR = '\u0000';

/** The path of a part: `element` is `f:name`, `k:{"key":"value"}` or `v:value`, as in `fieldsV1`. */
export const pathOf = (parent: string, element: string): string =>
  parent === '' ? element : `${parent}${SEPARATOR}${element}`;

export const elementsOf = (path: string): string[] => path.split(SEPARATOR);

/** Whether `path` is `ancestor` or lies beneath it. */
export const isWithin = (path: string, ancestor: string): boolean =>
  path === ancestor || path.startsWith(`${ancestor}${SEPARATOR}`);

/** A part that can have an owner of its own. */
export interface Part {
  readonly element: string;
  readonly value: unknown;
  readonly schema: FieldSchema | undefined;
  /** Owned in itself, not only through what it holds: an item of a list, an entry of a map. */
  readonly isEntry: boolean;
}

const METADATA: FieldSchema = {
  type: 'object',
  properties: {
    labels: { type: 'object', additionalProperties: { type: 'string' } },
    annotations: { type: 'object', additionalProperties: { type: 'string' } },
    finalizers: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
    ownerReferences: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['uid'],
      items: { type: 'object', 'x-kubernetes-map-type': 'atomic' } as FieldSchema,
    },
  },
};

/** The schema by which fields of an object are owned: its own, with what all objects have in common. */
export const ownershipSchema = (schema: StructuralSchema): FieldSchema => ({
  ...schema,
  properties: { ...schema.properties, metadata: METADATA },
});

/** The parts of a value, or undefined where it is owned as a whole. */
export function partsOf(schema: FieldSchema | undefined, value: unknown): readonly Part[] | undefined {
  if (Array.isArray(value)) return itemsOf(schema, value);
  if (!isObject(value) || schema?.['x-kubernetes-map-type'] === 'atomic') return undefined;
  return Object.entries(value).map(([name, child]) => {
    const declared = schema?.properties?.[name];
    const isEntry = declared === undefined && schema?.additionalProperties !== undefined;
    return { element: `f:${name}`, value: child, schema: declared ?? schema?.additionalProperties, isEntry };
  });
}

function itemsOf(schema: FieldSchema | undefined, list: readonly unknown[]): readonly Part[] | undefined {
  const items = schema?.items;
  switch (schema?.['x-kubernetes-list-type']) {
    case 'set':
      return list.map((value) => ({ element: `v:${JSON.stringify(value)}`, value, schema: items, isEntry: true }));
    case 'map': {
      const keys = (schema['x-kubernetes-list-map-keys'] ?? []).toSorted();
      return list.map((value) => {
        const identity = Object.fromEntries(keys.map((key) => [key, isObject(value) ? value[key] : undefined]));
        return { element: `k:${JSON.stringify(identity)}`, value, schema: items, isEntry: true };
      });
    }
    default:
      return undefined;
  }
}

/** The fields that a configuration names: what it is about, and what its applier owns. */
export function fieldsOf(schema: FieldSchema | undefined, value: unknown): Set<string> {
  const fields = new Set<string>();
  collect(schema, value, '', fields);
  return fields;
}

function collect(schema: FieldSchema | undefined, value: unknown, path: string, fields: Set<string>): void {
  const parts = partsOf(schema, value);
  if (!parts) {
    fields.add(path);
    return;
  }
  for (const part of parts) {
    const inner = pathOf(path, part.element);
    collect(part.schema, part.value, inner, fields);
    const isEmpty = isObject(part.value) && Object.keys(part.value).length === 0;
    if (part.isEntry || isEmpty) fields.add(inner);
  }
}

/** As it is written in `managedFields`. */
export function toFieldsV1(fields: FieldSet): JsonObject {
  const root: Record<string, unknown> = {};
  for (const path of [...fields].toSorted()) {
    let node = root;
    for (const element of elementsOf(path)) node = (node[element] ??= {}) as Record<string, unknown>;
    node['.'] = {};
  }
  return tidy(root);
}

/** A member without parts of its own is written as `{}`, not as `{".": {}}`. */
function tidy(node: JsonObject): JsonObject {
  const names = Object.keys(node);
  if (names.length === 1 && names[0] === '.') return {};
  const sorted = names.toSorted().map((name) => [name, name === '.' ? {} : tidy(node[name] as JsonObject)]);
  return Object.fromEntries(sorted) as JsonObject;
}

/** Reads what `toFieldsV1` writes. */
export function fromFieldsV1(fields: JsonObject): Set<string> {
  const paths = new Set<string>();
  const read = (node: JsonObject, path: string): void => {
    const names = Object.keys(node);
    if (path !== '' && (names.length === 0 || names.includes('.'))) paths.add(path);
    for (const name of names) {
      const child = node[name];
      if (name !== '.' && isObject(child)) read(child, pathOf(path, name));
    }
  };
  read(fields, '');
  return paths;
}

/** A path for people: `.spec.regions[name="eu-west-1"].kmsKeyId`. */
export function describePath(path: string): string {
  return elementsOf(path)
    .map((element) => {
      const text = element.slice(2);
      if (element.startsWith('f:')) return `.${text}`;
      if (element.startsWith('v:')) return `[=${text}]`;
      const keys = Object.entries(JSON.parse(text) as object);
      return `[${keys.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(',')}]`;
    })
    .join('');
}
