import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type KubeObject, keyOf } from '../../src/kube/kube-object.ts';
import { IndexedStore } from '../../src/kube/object-store.ts';
import type { Thing } from './fake-api.ts';

const thing = (name: string, value: number, labels: Record<string, string> = {}): Thing => ({
  metadata: { name, namespace: 'ns', labels },
  value,
});
const byValue = { value: ({ value }: Thing): string[] => (value % 2 === 0 ? ['even', `${value}`] : [`${value}`]) };

describe('the store', () => {
  it('hands out objects that nobody can change, however deep', () => {
    const store = new IndexedStore<Thing>();
    store.set(thing('a', 1, { app: 'web' }));
    const object = store.get('ns/a')!;
    expect(() => Object.assign(object.metadata.labels!, { app: 'other' })).toThrow(TypeError);
    expect(() => Object.assign(object, { value: 2 })).toThrow(TypeError);
  });

  it('has no index that nobody asked for', () => {
    expect(() => new IndexedStore<Thing>().byIndex('value', '1')).toThrow(new RangeError('there is no index value'));
  });

  it('files an object anew when it changes, and no more when it is gone', () => {
    const store = new IndexedStore<Thing>(byValue);
    store.set(thing('a', 2));
    store.set(thing('a', 4));
    expect(store.byIndex('value', '2')).toEqual([]);
    expect(store.byIndex('value', 'even')).toEqual([thing('a', 4)]);
    store.delete('ns/a');
    store.delete('ns/never-there');
    expect(store.byIndex('value', 'even')).toEqual([]);
    expect(store.size).toBe(0);
  });

  it('agrees with a plain search, whatever is put in and taken out', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd');
    const step = fc.oneof(
      fc.record({ do: fc.constant('set' as const), name, value: fc.nat(5) }),
      fc.record({ do: fc.constant('delete' as const), name, value: fc.constant(0) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const store = new IndexedStore<Thing>(byValue);
        const plain = new Map<string, Thing>();
        for (const { do: what, name, value } of steps) {
          if (what === 'set') {
            store.set(thing(name, value));
            plain.set(`ns/${name}`, thing(name, value));
          } else {
            store.delete(`ns/${name}`);
            plain.delete(`ns/${name}`);
          }
        }
        const sorted = (things: Iterable<Thing>): string[] => [...things].map((one) => one.metadata.name).toSorted();
        expect(sorted(store.values())).toEqual(sorted(plain.values()));
        for (const term of ['even', '0', '1', '2', '3', '4', '5']) {
          const found = [...plain.values()].filter((one) => byValue.value(one).includes(term));
          expect(sorted(store.byIndex('value', term))).toEqual(sorted(found));
        }
      }),
    );
  });
});

it.each([
  ['ns/a', { namespace: 'ns', name: 'a' }],
  ['a', { name: 'a' }],
])('%s is the key of %j', (key, metadata) => {
  expect(keyOf({ metadata })).toBe(key);
});

it('all objects are one array until one of them changes', () => {
  const store = new IndexedStore<KubeObject>();
  const a = { metadata: { name: 'a' } };
  store.set(a);
  const before = store.all();
  expect(store.all()).toBe(before);
  store.set({ metadata: { name: 'a', resourceVersion: '2' } });
  store.set({ metadata: { name: 'b' } });
  store.delete('nobody');
  const after = store.all();
  expect(after.map(({ metadata }) => metadata)).toEqual([{ name: 'a', resourceVersion: '2' }, { name: 'b' }]);
  store.delete('b');
  expect(store.all()).toHaveLength(1);
  expect(before).toEqual([a]);
});
