import { describe, expect, it } from 'vitest';
import type { StructuralSchema } from '../../src/api/structural.ts';
import { admit } from '../../src/api/validate.ts';

const text: StructuralSchema = { type: 'string', maxLength: 5 };
const object = (
  properties: Record<string, StructuralSchema>,
  more: Partial<StructuralSchema> = {},
): StructuralSchema => ({
  type: 'object',
  properties,
  ...more,
});
const list = (items: StructuralSchema, more: Partial<StructuralSchema> = {}): StructuralSchema => ({
  type: 'array',
  items,
  ...more,
});

describe('unknown fields', () => {
  it('are taken out, wherever they are, and named by their path', () => {
    const schema = object({
      a: list(object({ b: text })),
      m: { type: 'object', additionalProperties: object({ c: text }) },
    });
    const { value, unknown, errors } = admit(schema, {
      a: [{ b: 'x', y: 1 }],
      m: { k: { c: 'x', z: 1 } },
      q: 1,
    });
    expect(value).toEqual({ a: [{ b: 'x' }], m: { k: { c: 'x' } } });
    expect(unknown).toEqual(['a[0].y', 'm.k.z', 'q']);
    expect(errors).toEqual([]);
  });

  it.each(['constructor', 'toString', '__proto__'])('called %s are unknown too', (name) => {
    const document = JSON.parse(`{"${name}": {"a": 1}}`) as unknown;
    expect(admit(object({ a: text }), document)).toEqual({ value: {}, unknown: [name], errors: [] });
  });

  it('called __proto__ are ordinary keys of a map', () => {
    const schema: StructuralSchema = { type: 'object', additionalProperties: text };
    const { value } = admit(schema, JSON.parse('{"__proto__": "x"}'));
    expect(JSON.stringify(value)).toBe('{"__proto__":"x"}');
  });

  it('stay where the schema says nothing of what is inside', () => {
    const schema = object({
      metadata: { type: 'object' },
      any: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    });
    const document = { metadata: { name: 'a', odd: [1] }, any: { x: 1 } };
    expect(admit(schema, document)).toEqual({ value: document, unknown: [], errors: [] });
  });
});

describe('defaults', () => {
  const schema = object({
    mode: { type: 'string', default: 'Apply' },
    nested: object({ n: { type: 'integer', default: 1 } }),
    whole: object({ n: { type: 'integer', default: 2 } }, { default: {} }),
    nothing: { type: 'string', default: 'x', nullable: true },
  });

  it.each<[string, unknown, unknown]>([
    ['fill what is absent', {}, { mode: 'Apply', whole: {}, nothing: 'x' }],
    ['fill inside what is there', { nested: {} }, { mode: 'Apply', nested: { n: 1 }, whole: {}, nothing: 'x' }],
    ['take a null for absent where none is allowed', { nested: null }, { mode: 'Apply', whole: {}, nothing: 'x' }],
    ['fill what is null', { mode: null }, { mode: 'Apply', whole: {}, nothing: 'x' }],
    ['drop a null that is not allowed', { nested: null }, { mode: 'Apply', whole: {}, nothing: 'x' }],
    ['leave a null that is allowed', { nothing: null }, { mode: 'Apply', whole: {}, nothing: null }],
    [
      'leave what is given',
      { mode: 'Plan', nested: { n: 5 } },
      { mode: 'Plan', nested: { n: 5 }, whole: {}, nothing: 'x' },
    ],
  ])('%s', (_, document, expected) => {
    expect(admit(schema, document)).toMatchObject({ value: expected, errors: [] });
  });

  it('are copies: what one caller does to them no other sees', () => {
    const withList = object({ a: { type: 'array', items: text, default: ['x'] } });
    const { value } = admit(withList, {}) as { value: { a: string[] } };
    value.a.push('y');
    expect(admit(withList, {}).value).toEqual({ a: ['x'] });
  });

  it('change nothing of the document', () => {
    const document = Object.freeze({ nested: Object.freeze({}) });
    admit(schema, document);
    expect(document).toEqual({ nested: {} });
  });
});

describe('what is refused', () => {
  it.each<[string, StructuralSchema, unknown, string, string]>([
    ['an object for a text', text, {}, 'FieldValueTypeInvalid', 'must be of type string: "object"'],
    ['a list for an object', object({}), [], 'FieldValueTypeInvalid', 'must be of type object: "array"'],
    ['a fraction', { type: 'integer' }, 1.5, 'FieldValueTypeInvalid', 'must be of type integer: "number"'],
    ['infinity', { type: 'integer' }, Infinity, 'FieldValueTypeInvalid', 'must be of type integer: "number"'],
    ['too long, counted in characters', text, '🐟🐟🐟🐟🐟🐟', 'FieldValueTooLong', 'Too long'],
    ['too short', { type: 'string', minLength: 2 }, '🐟', 'FieldValueInvalid', 'should be at least 2 chars long'],
    ['a number that is too small', { type: 'integer', minimum: 1 }, 0, 'FieldValueInvalid', '0 should be greater than'],
    ['a number that is too great', { type: 'integer', maximum: 1 }, 2, 'FieldValueInvalid', '2 should be less than'],
    ['a list that is too short', list(text, { minItems: 1 }), [], 'FieldValueInvalid', 'should have at least 1 items'],
    ['a list that is too long', list(text, { maxItems: 1 }), ['a', 'b'], 'FieldValueTooMany', 'Too many: 2'],
    [
      'a map that is too small',
      { type: 'object', additionalProperties: text, minProperties: 1 },
      {},
      'FieldValueInvalid',
      'should have at least 1 properties',
    ],
    [
      'a map that is too great',
      { type: 'object', additionalProperties: text, maxProperties: 0 },
      { a: 'b' },
      'FieldValueTooMany',
      'Too many: 1',
    ],
    [
      'a day for a time',
      { type: 'string', format: 'date-time' },
      '2026-01-01',
      'FieldValueTypeInvalid',
      'must be of type date-time',
    ],
    [
      'a number for a time',
      { type: 'string', format: 'date-time' },
      '1',
      'FieldValueTypeInvalid',
      'must be of type date-time',
    ],
    [
      'a time that does not exist',
      { type: 'string', format: 'date-time' },
      '2026-13-01T00:00:00Z',
      'FieldValueTypeInvalid',
      'must be of type date-time',
    ],
  ])('%s', (_, schema, value, cause, message) => {
    const { errors } = admit(object({ field: schema }), { field: value });
    expect(errors).toEqual([{ field: 'field', cause, message: expect.stringContaining(message) as string }]);
  });

  it('a set that holds a value more than once, and a map that holds a key twice, by the second one', () => {
    const set = list(text, { 'x-kubernetes-list-type': 'set' });
    const map = list(object({ k: text, v: text }), {
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['k'],
    });
    const document = { set: ['a', 'b', 'a', 'a'], map: [{ k: 'a' }, { k: 'a', v: 'x' }] };
    expect(admit(object({ set, map }), document).errors).toEqual([
      { field: 'set[2]', cause: 'FieldValueDuplicate', message: 'Duplicate value: "a"' },
      { field: 'map[1]', cause: 'FieldValueDuplicate', message: 'Duplicate value: {"k":"a"}' },
    ]);
  });

  it('everything that is wrong at once', () => {
    const schema = object({ a: text, b: text, c: text }, { required: ['c'] });
    expect(admit(schema, { a: 1, b: 'toolong' }).errors.map(({ field }) => field)).toEqual(['c', 'a', 'b']);
  });
});

describe('rules', () => {
  const rule = (rule: string, fieldPath?: string): Partial<StructuralSchema> => ({
    'x-kubernetes-validations': [{ rule, message: `broken: ${rule}`, ...(fieldPath && { fieldPath }) }],
  });

  it.each<[string, StructuralSchema, unknown, unknown, string[]]>([
    ['that hold are silent', object({ a: { type: 'integer' } }, rule('self.a < 5')), { a: 4 }, undefined, []],
    [
      'that are broken name their node',
      object({ a: object({ n: { type: 'integer' } }, rule('self.n < 5')) }),
      { a: { n: 9 } },
      undefined,
      ['a'],
    ],
    [
      'or the field that they say',
      object({ a: { type: 'integer' } }, rule('self.a < 5', '.a')),
      { a: 9 },
      undefined,
      ['a'],
    ],
    [
      'are asked of every item',
      object({ l: list({ ...text, ...rule("self != 'x'") }) }),
      { l: ['a', 'x', 'b', 'x'] },
      undefined,
      ['l[1]', 'l[3]'],
    ],
    ['are not asked of what is absent', object({ a: { ...text, ...rule("self == 'x'") } }), {}, undefined, []],
    ['see defaults', object({ a: { type: 'integer', default: 9 } }, rule('self.a < 5')), {}, undefined, ['<root>']],
    [
      'about a change hold when something is made',
      object({ a: { ...text, ...rule('self == oldSelf') } }),
      { a: 'x' },
      undefined,
      [],
    ],
    [
      'about a change are broken by one',
      object({ a: { ...text, ...rule('self == oldSelf') } }),
      { a: 'x' },
      { a: 'y' },
      ['a'],
    ],
    [
      'about a change hold when there was nothing',
      object({ a: { ...text, ...rule('self == oldSelf') } }),
      { a: 'x' },
      {},
      [],
    ],
  ])('%s', (_, schema, value, before, fields) => {
    expect(admit(schema, value, before).errors.map(({ field }) => field)).toEqual(fields);
  });

  it('about the change of an item compare it with the item of the same key', () => {
    const item = object({ k: text, v: { ...text, ...rule('self == oldSelf') } });
    const map = list(item, { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'] });
    const before = [
      { k: 'a', v: '1' },
      { k: 'b', v: '2' },
    ];
    const moved = [{ k: 'new', v: '9' }, ...before.toReversed()];
    expect(admit(map, moved, before).errors).toEqual([]);
    const changed = [{ k: 'b', v: 'x' }, before[0]];
    expect(admit(map, changed, before).errors.map(({ field }) => field)).toEqual(['[0].v']);
  });

  it('are asked beside what is only out of bounds, so that all of it is said at once', () => {
    const schema = object({ a: { type: 'integer', minimum: 1 } }, rule('self.a > 5'));
    expect(admit(schema, { a: 0 }).errors).toMatchObject([
      { field: 'a', message: '0 should be greater than or equal to 1' },
      { field: '<root>', message: 'broken: self.a > 5' },
    ]);
  });

  it('are not asked while the form is wrong: they could not be', () => {
    const schema = object({ a: { type: 'integer' } }, rule('self.a < 5'));
    expect(admit(schema, { a: 'nine' }).errors).toMatchObject([{ cause: 'FieldValueTypeInvalid' }]);
  });
});
