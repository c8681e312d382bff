import * as fc from 'fast-check';
import type { StructuralSchema } from '../../src/api/structural.ts';

/** What people write by mistake, of every type. */
const JUNK: fc.Arbitrary<unknown> = fc.constantFrom<unknown>(
  null,
  0,
  -1,
  1.5,
  5_000,
  '',
  ' ',
  'x',
  '111122223333',
  'x'.repeat(300),
  true,
  [],
  [null],
  {},
  { x: 1 },
);

/** Texts that fit the patterns which fast-check cannot read. */
const TAG_KEYS = fc.constantFrom('app', 'release', 'a/b', 'κλειδί α', 'aws:x', 'amifleet.io/x', 'k'.repeat(128));

/**
 * Values for a schema: most are of its form, and with a chance of one in `mistakes` each part is junk or unknown. Rules
 * and uniqueness are left to luck.
 */
export function arbitraryValue(schema: StructuralSchema, mistakes: number): fc.Arbitrary<unknown> {
  const right = ofForm(schema, mistakes);
  return fc.oneof({ weight: mistakes - 1, arbitrary: right }, { weight: 1, arbitrary: JUNK });
}

function ofForm(schema: StructuralSchema, mistakes: number): fc.Arbitrary<unknown> {
  switch (schema.type) {
    case 'object':
      return objectOf(schema, mistakes);
    case 'array':
      return fc.array(arbitraryValue(schema.items ?? {}, mistakes), {
        minLength: Math.min(schema.minItems ?? 0, 1),
        maxLength: 3,
      });
    case 'string':
      return stringOf(schema);
    case 'integer':
      return fc.oneof(
        fc.integer({ min: schema.minimum ?? 0, max: schema.maximum ?? 10 }),
        fc.constantFrom(schema.minimum ?? 0, schema.maximum ?? 10),
      );
    case 'boolean':
      return fc.boolean();
    case 'number':
    case undefined:
      return fc.constant(null);
    default:
      throw new TypeError('a type that no schema of ours has');
  }
}

function objectOf(schema: StructuralSchema, mistakes: number): fc.Arbitrary<unknown> {
  const { properties, additionalProperties, required = [] } = schema;
  if (additionalProperties) {
    return fc.dictionary(TAG_KEYS, arbitraryValue(additionalProperties, mistakes), { maxKeys: 3 });
  }
  const known = Object.fromEntries(
    Object.entries(properties ?? {}).map(([name, child]) => [name, arbitraryValue(child, mistakes)]),
  );
  const usual = fc.record(known, { requiredKeys: required as string[] });
  const odd = fc.record({ ...known, oddity: JUNK }, { requiredKeys: [] });
  return fc.oneof({ weight: 2 * mistakes - 1, arbitrary: usual }, { weight: 1, arbitrary: odd });
}

function stringOf({ enum: values, pattern, minLength = 0, maxLength = 20 }: StructuralSchema): fc.Arbitrary<unknown> {
  if (values) return fc.constantFrom(...values);
  if (pattern?.includes('\\p{')) return TAG_KEYS;
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern)).filter((text) => text.length <= maxLength);
  return fc.string({ minLength, maxLength: Math.min(maxLength, 12), unit: 'grapheme' });
}
