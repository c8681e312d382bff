import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseLabelSelector } from '../../src/kube/label-selector.ts';
import { labelSelector } from '../../src/simulator/kube/selectors.ts';

describe('a label selector', () => {
  const objects = {
    none: undefined,
    plain: { tier: 'prod' },
    a: { shard: 'a' },
    b: { shard: 'b', 'amifleet.io/part': '1' },
    empty: { shard: '' },
  };
  it.each<[string, string]>([
    ['', 'none plain a b empty'],
    ['shard', 'a b empty'],
    ['!shard', 'none plain'],
    ['shard=a', 'a'],
    ['shard==a', 'a'],
    ['shard = a', 'a'],
    ['shard=', 'empty'],
    ['shard!=a', 'none plain b empty'],
    ['shard in (a, b)', 'a b'],
    ['shard in (a,)', 'a empty'],
    ['shard notin (a,b)', 'none plain empty'],
    ['shard notin (a,b),tier=prod', 'plain'],
    ['shard, amifleet.io/part in (1)', 'b'],
    // A name that every object has in JavaScript, and none as a label.
    ['constructor', ''],
  ])('%j finds [%s]', (selector, found) => {
    const matches = parseLabelSelector(selector);
    expect(Object.entries(objects).flatMap(([name, labels]) => (matches(labels) ? [name] : []))).toEqual(
      found.split(' ').filter(Boolean),
    );
  });

  it.each(['shard=a b', 'shard in a', 'shard in ()x', '=a', 'shard>1', 'a,,b', 'shard in (a', '-shard', 'shard=a,'])(
    '%j cannot be read, and that is said with the part',
    (selector) => {
      expect(() => parseLabelSelector(selector)).toThrow(/cannot be read: ".*"\. Say for example/);
    },
  );
});

it('whatever it says, it finds what the API server finds', () => {
  const key = fc.constantFrom('shard', 'tier', 'amifleet.io/part');
  const value = fc.constantFrom('', 'a', 'b', 'c-1');
  const blank = fc.constantFrom('', ' ');
  const requirement = fc.oneof(
    fc.tuple(fc.constantFrom('', '!'), key).map((parts) => parts.join('')),
    fc.tuple(key, blank, fc.constantFrom('=', '==', '!='), blank, value).map((parts) => parts.join('')),
    fc
      .tuple(key, fc.constantFrom('in', 'notin'), fc.array(value, { minLength: 1, maxLength: 3 }), blank)
      .map(([name, operator, values, gap]) => `${name} ${operator}${gap}(${values.join(`,${gap}`)})`),
  );
  const labels = fc.option(fc.dictionary(key, value), { nil: undefined });
  fc.assert(
    fc.property(fc.array(requirement, { maxLength: 3 }), labels, (requirements, given) => {
      const text = requirements.join(',');
      const object = { metadata: { name: 'x', ...(given && { labels: given }) } };
      expect(parseLabelSelector(text)(given)).toBe(
        labelSelector(text)(object as Parameters<ReturnType<typeof labelSelector>>[0]),
      );
    }),
    { numRuns: 500 },
  );
});
