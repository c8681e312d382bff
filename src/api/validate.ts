import { isDeepStrictEqual } from 'node:util';
import { ruleHolds } from './cel.ts';
import type { StructuralSchema } from './structural.ts';

/** What is wrong with a document, in the API server's words for the kinds of cause. */
export interface FieldError {
  /** Where: `spec.regions[0].name`. */
  readonly field: string;
  readonly cause:
    | 'FieldValueRequired'
    | 'FieldValueInvalid'
    | 'FieldValueNotSupported'
    | 'FieldValueDuplicate'
    | 'FieldValueTypeInvalid'
    | 'FieldValueTooLong'
    | 'FieldValueTooMany';
  readonly message: string;
}

/** A document after the schema was applied: unknown fields gone, defaults filled in. */
export interface Admitted {
  readonly value: unknown;
  readonly errors: readonly FieldError[];
  /** Paths of fields that the schema does not know and that were dropped. */
  readonly unknown: readonly string[];
}

/**
 * Applies a structural schema as the API server does: prunes, fills in defaults, then validates types, bounds, list
 * types and CEL rules. The one validator for file mode and for the embedded API server, so that both refuse the same.
 * @param before the value before an update, for rules that name `oldSelf`
 */
export function admit(schema: StructuralSchema, document: unknown, before?: unknown): Admitted {
  const { value, unknown } = shape(schema, document);
  const errors: FieldError[] = [];
  check(schema, value, '', errors);
  if (!errors.some(keepsRulesFromRunning)) checkRules(schema, value, before, '', errors);
  return { value, errors, unknown };
}

/** Only prunes and fills in defaults: what the API server does with a document before it looks for errors. */
export function shape(schema: StructuralSchema, document: unknown): Omit<Admitted, 'errors'> {
  const unknown: string[] = [];
  return { value: withDefaults(schema, prune(schema, document, '', unknown)), unknown };
}

const BLOCKING: ReadonlySet<FieldError['cause']> = new Set([
  'FieldValueRequired',
  'FieldValueNotSupported',
  'FieldValueTypeInvalid',
  'FieldValueTooLong',
  'FieldValueTooMany',
]);

/** As in the API server, rules do not run on what is malformed; a text that does not match is no reason not to. */
export const keepsRulesFromRunning = ({ cause }: FieldError): boolean => BLOCKING.has(cause);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const join = (path: string, name: string): string => (path ? `${path}.${name}` : name);

/** What a schema says of a field. Of own properties only: `constructor` is as unknown as any other name. */
const schemaOf = (schema: StructuralSchema, name: string): StructuralSchema | undefined =>
  schema.properties && Object.hasOwn(schema.properties, name) ? schema.properties[name] : schema.additionalProperties;

/** The root's metadata is the API server's own business, and a schema that says nothing of an object keeps it whole. */
const isOpaque = (schema: StructuralSchema): boolean =>
  schema['x-kubernetes-preserve-unknown-fields'] === true ||
  (schema.type === 'object' && !schema.properties && !schema.additionalProperties);

function prune(schema: StructuralSchema, value: unknown, path: string, unknown: string[]): unknown {
  if (Array.isArray(value)) {
    const items = schema.items;
    return items ? value.map((item, index) => prune(items, item, `${path}[${index}]`, unknown)) : value;
  }
  if (!isObject(value) || isOpaque(schema)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, child]): [string, unknown][] => {
      const known = schemaOf(schema, name);
      if (known) return [[name, prune(known, child, join(path, name), unknown)]];
      unknown.push(join(path, name));
      return [];
    }),
  );
}

function withDefaults(schema: StructuralSchema, value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = schema.items;
    return items ? value.map((item) => withDefaults(items, item)) : value;
  }
  if (!isObject(value) || isOpaque(schema)) return value;
  const given = Object.entries(value).flatMap(([name, child]): [string, unknown][] => {
    const known = schemaOf(schema, name);
    // A null where the schema allows none counts as absent.
    if (child === null && known && known.nullable !== true) return [];
    return [[name, known ? withDefaults(known, child) : child]];
  });
  const names = new Set(given.map(([name]) => name));
  const missing = Object.entries(schema.properties ?? {})
    .filter(([name, property]) => !names.has(name) && property.default !== undefined)
    .map(([name, property]): [string, unknown] => [name, structuredClone(property.default)]);
  return Object.fromEntries([...given, ...missing]);
}

function check(schema: StructuralSchema, value: unknown, path: string, errors: FieldError[]): void {
  const fail = (cause: FieldError['cause'], message: string): void => {
    errors.push({ field: path || '<root>', cause, message });
  };
  if (value === null && schema.nullable === true) return;
  const type = typeOf(value);
  const fits = schema.type === undefined || schema.type === type || (schema.type === 'number' && type === 'integer');
  if (!fits) {
    fail('FieldValueTypeInvalid', `must be of type ${schema.type}: "${type}"`);
    return;
  }
  if (schema.enum && !schema.enum.includes(value)) {
    const supported = schema.enum.map((entry) => JSON.stringify(entry)).join(', ');
    fail('FieldValueNotSupported', `Unsupported value: ${JSON.stringify(value)}: supported values: ${supported}`);
  }
  if (typeof value === 'string') checkString(schema, value, fail);
  if (typeof value === 'number') {
    if (schema.minimum !== undefined && value < schema.minimum) {
      fail('FieldValueInvalid', `${value} should be greater than or equal to ${schema.minimum}`);
    }
    if (schema.maximum !== undefined && value > schema.maximum) {
      fail('FieldValueInvalid', `${value} should be less than or equal to ${schema.maximum}`);
    }
  }
  if (Array.isArray(value)) checkList(schema, value, path, errors, fail);
  if (isObject(value) && !isOpaque(schema)) {
    const size = Object.keys(value).length;
    if (schema.maxProperties !== undefined && size > schema.maxProperties) {
      fail('FieldValueTooMany', `Too many: ${size}: must have at most ${schema.maxProperties} items`);
    }
    if (schema.minProperties !== undefined && size < schema.minProperties) {
      fail('FieldValueInvalid', `should have at least ${schema.minProperties} properties`);
    }
    for (const name of schema.required ?? []) {
      if (!Object.hasOwn(value, name))
        errors.push({ field: join(path, name), cause: 'FieldValueRequired', message: 'Required value' });
    }
    for (const [name, child] of Object.entries(value)) {
      const known = schemaOf(schema, name);
      if (known) check(known, child, join(path, name), errors);
    }
  }
}

const IS_RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

type Fail = (cause: FieldError['cause'], message: string) => void;

function checkString(schema: StructuralSchema, value: string, fail: Fail): void {
  const length = Array.from(value).length;
  if (schema.maxLength !== undefined && length > schema.maxLength) {
    fail('FieldValueTooLong', `Too long: may not be more than ${schema.maxLength} characters`);
  }
  if (schema.minLength !== undefined && length < schema.minLength) {
    fail('FieldValueInvalid', `should be at least ${schema.minLength} chars long`);
  }
  if (schema.pattern !== undefined && !new RegExp(schema.pattern, 'u').test(value)) {
    fail('FieldValueInvalid', `${JSON.stringify(value)} should match '${schema.pattern}'`);
  }
  if (schema.format === 'date-time' && !(IS_RFC_3339.test(value) && !Number.isNaN(Date.parse(value)))) {
    fail('FieldValueTypeInvalid', `must be of type date-time: ${JSON.stringify(value)}`);
  }
}

function checkList(schema: StructuralSchema, value: unknown[], path: string, errors: FieldError[], fail: Fail): void {
  if (schema.maxItems !== undefined && value.length > schema.maxItems) {
    fail('FieldValueTooMany', `Too many: ${value.length}: must have at most ${schema.maxItems} items`);
  }
  if (schema.minItems !== undefined && value.length < schema.minItems) {
    fail('FieldValueInvalid', `should have at least ${schema.minItems} items`);
  }
  const keys = schema['x-kubernetes-list-map-keys'];
  const listType = schema['x-kubernetes-list-type'];
  /** By identity: whether it was reported. */
  const seen = new Map<string, boolean>();
  for (const [index, item] of value.entries()) {
    if (schema.items) check(schema.items, item, `${path}[${index}]`, errors);
    if (listType !== 'set' && listType !== 'map') continue;
    const isKeyed = listType === 'map' && isObject(item);
    const identity = isKeyed ? Object.fromEntries((keys ?? []).map((key) => [key, item[key]])) : item;
    const text = JSON.stringify(identity);
    if (seen.get(text) === false) {
      errors.push({ field: `${path}[${index}]`, cause: 'FieldValueDuplicate', message: `Duplicate value: ${text}` });
    }
    seen.set(text, seen.has(text));
  }
}

function checkRules(
  schema: StructuralSchema,
  value: unknown,
  before: unknown,
  path: string,
  errors: FieldError[],
): void {
  for (const { rule, message, fieldPath } of schema['x-kubernetes-validations'] ?? []) {
    if (ruleHolds(rule, schema, value, before)) continue;
    errors.push({
      field: `${path}${fieldPath ?? ''}`.replace(/^\./, '') || '<root>',
      cause: 'FieldValueInvalid',
      message,
    });
  }
  if (Array.isArray(value)) {
    if (!schema.items) return;
    for (const [index, item] of value.entries()) {
      checkRules(schema.items, item, counterpart(schema, item, before), `${path}[${index}]`, errors);
    }
    return;
  }
  if (!isObject(value)) return;
  for (const [name, child] of Object.entries(value)) {
    const known = schemaOf(schema, name);
    if (known) checkRules(known, child, isObject(before) ? before[name] : undefined, join(path, name), errors);
  }
}

/** The old value of a list item: only items of a map have one, found by their keys. */
function counterpart(schema: StructuralSchema, item: unknown, before: unknown): unknown {
  const keys = schema['x-kubernetes-list-map-keys'];
  if (!keys || !Array.isArray(before) || !isObject(item)) return undefined;
  return before.find((old) => isObject(old) && keys.every((key) => isDeepStrictEqual(old[key], item[key])));
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}
