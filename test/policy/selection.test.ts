import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { familyOf, matchesPattern, select } from '../../src/policy/selection.ts';
import { TAG } from '../../src/policy/tags.ts';
import { matchesSlowly } from './reference.ts';
import { ami, SOURCE, World } from './world.ts';

const world = new World();
world.source(1, { name: 'web-1', tags: { app: 'web', stage: 'stable' } });
const image = world.image(SOURCE, ami(1))!;

describe('names with wildcards', () => {
  it.each([
    ['the very name', 'web-1', 'web-1', true],
    ['another case', 'WEB-1', 'web-1', false],
    ['a star for the end', 'web-*', 'web-1', true],
    ['a star for nothing', 'web-1*', 'web-1', true],
    ['a star in the middle', 'w*1', 'web-1', true],
    ['a star that would have to give back', '*-1', 'web-1-1', true],
    ['two stars', '*e*1', 'web-1', true],
    ['only a part of the name', 'web', 'web-1', false],
    ['a question mark for one', 'web-?', 'web-1', true],
    ['a question mark for none', 'web-1?', 'web-1', true],
    ['a question mark is not two', 'web-?', 'web-12', false],
    ['an escaped star', 'web-\\*', 'web-*', true],
    ['an escaped star is no wildcard', 'web-\\*', 'web-1', false],
    ['an escaped backslash', 'a\\\\b', 'a\\b', true],
    ['a backslash at the end', 'a\\', 'a\\', true],
    ['characters that mean something to regular expressions', 'a.(b)[c]+', 'a.(b)[c]+', true],
    ['a dot is a dot', 'a.c', 'abc', false],
    ['an empty name', '*', '', true],
  ])('%s: %s against %s is %s', (_, pattern, name, expected) => {
    expect(matchesPattern(pattern, name)).toBe(expected);
  });

  it('matches as a naive recursion does', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?', '\\'), maxLength: 8 });
    fc.assert(
      fc.property(text, text, (pattern, name) => {
        expect(matchesPattern(pattern, name)).toBe(matchesSlowly(pattern, name));
      }),
      { numRuns: 500 },
    );
  });

  it('does not take for ever over a hostile pattern', () => {
    expect(matchesPattern(`${'*a'.repeat(60)}b`, 'a'.repeat(128))).toBe(false);
  });
});

describe('selection', () => {
  const of = (images: Parameters<typeof select>[1]): string => select(image, images);
  it.each([
    ['a name', { names: ['db-*', 'web-*'], owner: 'self' }, 'selected'],
    ['no name', { names: ['db-*'], owner: 'self' }, 'unmatched'],
    ['every tag', { tags: { app: 'web', stage: 'stable' }, owner: 'self' }, 'selected'],
    ['a tag with another value', { tags: { app: 'db' }, owner: 'self' }, 'unmatched'],
    ['a tag that is missing', { tags: { team: '' }, owner: 'self' }, 'unmatched'],
    ['its id', { ids: [ami(1)], owner: 'self' }, 'selected'],
    ['another id', { ids: [ami(2)], owner: 'self' }, 'unmatched'],
    ['its architecture', { architectures: ['arm64', 'x86_64'], owner: 'self' }, 'selected'],
    ['another architecture', { architectures: ['arm64'], owner: 'self' }, 'unmatched'],
    ['a name, but not a tag', { names: ['web-*'], tags: { app: 'db' }, owner: 'self' }, 'unmatched'],
    ['excluded by id', { names: ['web-*'], exclude: [ami(1)], owner: 'self' }, 'excluded'],
    ['excluded by name', { names: ['web-*'], exclude: ['web-1'], owner: 'self' }, 'excluded'],
    ['exclude takes no wildcards', { names: ['web-*'], exclude: ['web-*'], owner: 'self' }, 'selected'],
  ] as const)('%s', (_, selector, expected) => {
    expect(of(selector as never)).toBe(expected);
  });

  it.each([TAG.sourceImage, TAG.sourceRegion, TAG.sourceAccount, TAG.sourceCreated, TAG.sourceName])(
    'an image with the tag %s is a copy and no source, unless its id is listed',
    (key) => {
      const copy = { ...image, tags: { ...image.tags, [key]: 'x' } };
      expect(select(copy, { names: ['*'], owner: 'self' })).toBe('copy');
      expect(select(copy, { ids: [copy.id], owner: 'self' })).toBe('selected');
    },
  );
});

describe('families', () => {
  it('are an architecture where nothing is grouped by', () => {
    expect(familyOf('arm64', { app: 'web' }, [])).toBe('arm64');
  });

  it('do not depend on the order of the keys', () => {
    const tags = { app: 'web', os: 'linux' };
    expect(familyOf('arm64', tags, ['os', 'app'])).toBe('arm64 app=web os=linux');
    expect(familyOf('arm64', tags, ['app', 'os'])).toBe('arm64 app=web os=linux');
  });

  it('take an absent tag for an empty one', () => {
    expect(familyOf('arm64', {}, ['app'])).toBe('arm64 app=');
  });

  it('fit into a tag value and stay apart', () => {
    const long = (end: string): string => familyOf('arm64', { a: 'x'.repeat(250), b: end }, ['a', 'b']);
    expect(long('1').length).toBeLessThanOrEqual(256);
    expect(long('1')).not.toBe(long('2'));
  });
});
