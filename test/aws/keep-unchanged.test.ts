import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keepUnchanged } from '../../src/aws/keep-unchanged.ts';

interface Item {
  readonly name: string;
  readonly size?: number;
  readonly parts: readonly { readonly of: string }[];
}

const drawn: fc.Arbitrary<Map<string, Item>> = fc
  .dictionary(
    fc.constantFrom('a', 'b', 'c'),
    fc.record(
      {
        name: fc.constantFrom('x', 'y'),
        size: fc.nat(1),
        parts: fc.array(fc.record({ of: fc.constantFrom('p', 'q') }), { maxLength: 2 }),
      },
      { requiredKeys: ['name', 'parts'] },
    ),
  )
  .map((items) => new Map(Object.entries(items)));

describe('what was listed again', () => {
  it('says what is there now, with the objects of before where they say the same', () => {
    fc.assert(
      fc.property(drawn, drawn, (before, now) => {
        const kept = keepUnchanged(before, structuredClone(now));
        expect(new Map(kept)).toEqual(now);
        for (const [id, item] of kept)
          expect(item === before.get(id)).toBe(JSON.stringify(item) === JSON.stringify(before.get(id)));
      }),
    );
  });

  it('is the very same map where nothing is different, in whatever order it comes', () => {
    fc.assert(
      fc.property(drawn, (before) => {
        const again = new Map([...structuredClone(before)].toReversed());
        expect(keepUnchanged(before, again)).toBe(before);
      }),
    );
  });

  it('is another one where something is missing', () => {
    const before = new Map([['a', { name: 'x' }]]);
    expect(keepUnchanged(before, new Map())).not.toBe(before);
  });
});
