import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergePatch } from '../../../src/simulator/kube/merge-patch.ts';

const scalar = fc.oneof(fc.integer(), fc.string(), fc.boolean());
const { value: document } = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, scalar, fc.array(scalar), tie('object')),
  object: fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__'), tie('value')),
}));

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The patch that makes `to` of `from`, found field by field. */
function difference(from: unknown, to: unknown): unknown {
  if (!isObject(from) || !isObject(to)) return to;
  return Object.fromEntries([
    ...Object.keys(from)
      .filter((name) => !Object.hasOwn(to, name))
      .map((name) => [name, null]),
    ...Object.entries(to).map(([name, value]) => [
      name,
      Object.hasOwn(from, name) ? difference(from[name], value) : value,
    ]),
  ]) as unknown;
}

describe('a merge patch', () => {
  it('makes any document of any other, given what differs', () => {
    fc.assert(
      fc.property(document, document, (from, to) => {
        expect(mergePatch(from, difference(from, to))).toEqual(to);
      }),
    );
  });

  it('does no more the second time', () => {
    fc.assert(
      fc.property(document, document, (target, patch) => {
        const once = mergePatch(target, patch);
        expect(mergePatch(once, patch)).toEqual(once);
      }),
    );
  });

  it.each<[string, unknown, unknown, unknown]>([
    ['replaces a list as a whole', { a: [1, 2] }, { a: [3] }, { a: [3] }],
    ['takes away on null', { a: 1, b: 2 }, { a: null }, { b: 2 }],
    ['leaves out nulls within what is new', {}, { a: { b: null, c: 1 } }, { a: { c: 1 } }],
    ['puts an object in the place of a scalar', { a: 1 }, { a: { b: 2 } }, { a: { b: 2 } }],
  ])('%s', (_, target, patch, expected) => {
    expect(mergePatch(target, patch)).toEqual(expected);
  });
});
