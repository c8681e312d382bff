import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Image } from '../../src/policy/model.ts';
import { type Selector, select } from '../../src/policy/selection.ts';
import { candidatesFor } from '../../src/policy/source-index.ts';
import { TAG } from '../../src/policy/tags.ts';
import { ami, spec } from './world.ts';

const text = fc.stringMatching(/^[ab-]{0,4}$/);
const drawnImage = fc.record({
  name: text,
  tags: fc.dictionary(fc.constantFrom('app', 'release', TAG.sourceImage), text),
  architecture: fc.constantFrom('x86_64', 'arm64'),
});
const drawnImages = fc
  .array(drawnImage, { maxLength: 12 })
  .map((all) => new Map(all.map((drawn, number) => [ami(number), { id: ami(number), ...drawn } as unknown as Image])));
const list = <T>(item: fc.Arbitrary<T>): fc.Arbitrary<T[] | undefined> =>
  fc.option(fc.array(item, { minLength: 1, maxLength: 3 }), { nil: undefined });
const drawnSelector: fc.Arbitrary<Selector> = fc
  .record({
    ids: list(fc.nat({ max: 12 }).map(ami)),
    names: list(fc.stringMatching(/^[ab*?\\-]{0,4}$/)),
    tags: fc.option(fc.dictionary(fc.constantFrom('app', 'release'), text), { nil: undefined }),
    exclude: list(text),
  })
  .map((drawn) => ({ ...spec().source.images, ...drawn }));

describe('the images that are looked at for a selector', () => {
  it('are all that it takes', () => {
    fc.assert(
      fc.property(drawnImages, drawnSelector, (images, selector) => {
        const taken = (among: Iterable<Image>): string[] =>
          [...among].filter((image) => select(image, selector) === 'selected').map(({ id }) => id);
        const found = taken(new Set(candidatesFor(images, selector)));
        expect(found.toSorted()).toEqual(taken(images.values()).toSorted());
      }),
      { numRuns: 2000 },
    );
  });

  it('are few where a tag or the beginning of a name tells most of the others apart', () => {
    const images = new Map(
      Array.from({ length: 1000 }, (_, number) => {
        const id = ami(number);
        return [id, { id, name: `app-${number}-1`, tags: { app: `app-${number}` } } as unknown as Image] as const;
      }),
    );
    const all = spec().source.images;
    expect(candidatesFor(images, { ...all, names: ['*'], tags: { app: 'app-17' } })).toHaveLength(1);
    expect(candidatesFor(images, { ...all, names: ['app-17-*', 'app-1?-*'] })).toHaveLength(111);
  });
});
