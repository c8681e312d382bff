import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { Interner } from '../../src/aws/interner.ts';

const HOUR = 3_600_000;
const drawnTags = fc.uniqueArray(
  fc.record({ Key: fc.constantFrom('a', 'b', 'ab', '__proto__'), Value: fc.constantFrom('', 'a', 'ba') }),
  { selector: ({ Key }) => Key, maxLength: 3 },
);

it('tags say what was listed, and the same ones are one object, in whatever order they come', () => {
  const interner = new Interner();
  fc.assert(
    fc.property(drawnTags, (listed) => {
      const tags = interner.tags(listed);
      expect(new Map(Object.entries(tags))).toEqual(new Map(listed.map(({ Key, Value }) => [Key, Value])));
      expect(interner.tags(structuredClone(listed))).toBe(tags);
      expect(interner.tags(listed.toReversed())).toBe(tags);
    }),
  );
});

it('tags without a key are none, and without a value are empty', () => {
  expect(new Interner().tags([{ Value: 'no key' }, { Key: 'none' }])).toEqual({ none: '' });
  expect(new Interner().tags()).toEqual({});
});

it('what is seen every hour stays the same, and what is not is forgotten', () => {
  const interner = new Interner();
  const listed = [{ Key: 'app', Value: 'web' }];
  const first = interner.tags(listed);
  for (let hour = 0; hour < 5; hour++) {
    interner.tidy(hour * HOUR);
    expect(interner.tags(listed)).toBe(first);
  }
  interner.tidy(6 * HOUR);
  interner.tidy(7 * HOUR);
  expect(interner.tags(listed)).not.toBe(first);
});
