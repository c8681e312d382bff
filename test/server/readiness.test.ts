import { expect, it } from 'vitest';
import type { Parts } from '../../src/controller/observer.ts';
import { unreadyBecause } from '../../src/server/readiness.ts';

const view = (heard: number | undefined): Parts['views']['amipolicy'] => ({
  lastContact: () => heard,
  restarts: () => ({ ended: 0, silent: 0, expired: 0, failed: 0 }),
});
const at = (amipolicy: number | undefined, awsaccount: number | undefined): Pick<Parts, 'views'> => ({
  views: { amipolicy: view(amipolicy), awsaccount: view(awsaccount) },
});

it.each<[string, Pick<Parts, 'views'> | undefined, string | undefined]>([
  ['before it has begun', undefined, 'the cache of amipolicy is not filled yet'],
  ['before the second kind was listed', at(1_000_000, undefined), 'the cache of awsaccount is not filled yet'],
  ['when both are fresh', at(1_000_000, 820_000), undefined],
  [
    'when one is stale',
    at(1_000_000, 819_000),
    'the cache of awsaccount is stale: the API server was last heard of 181 s ago; 180 s is the limit',
  ],
])('%s', (_, parts, why) => {
  expect(unreadyBecause(parts, 1_000_000)).toBe(why);
});
