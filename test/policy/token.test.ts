import { describe, expect, it } from 'vitest';
import { attemptIn, attemptTag, clientToken, FIRST_ATTEMPT, nextAttempt } from '../../src/policy/token.ts';
import { AWAY_EU, ami, EU, SOURCE } from './world.ts';

const copy = {
  policyUid: 'uid-1',
  sourceImage: ami(1),
  source: SOURCE,
  target: EU,
  key: '',
  attempt: FIRST_ATTEMPT,
};

describe('the token of a copy', () => {
  it('is the same for the same copy, and as long as EC2 takes', () => {
    expect(clientToken(copy)).toBe(clientToken({ ...copy }));
    expect(clientToken(copy)).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each([
    ['policy', { policyUid: 'uid-2' }],
    ['source', { sourceImage: ami(2) }],
    ['source region', { source: EU }],
    ['target', { target: AWAY_EU }],
    ['key', { key: 'alias/ami' }],
    ['attempt', { attempt: nextAttempt(FIRST_ATTEMPT, ami(9)) }],
  ])('is another one for another %s', (_, change) => {
    expect(clientToken({ ...copy, ...change })).not.toBe(clientToken(copy));
  });
});

describe('an attempt', () => {
  const chain = [ami(1), ami(2), ami(3)].reduce(nextAttempt, FIRST_ATTEMPT);

  it('comes back from the tag of a copy', () => {
    expect(attemptIn(attemptTag(chain))).toEqual(chain);
    expect(chain.count).toBe(3);
  });

  it('that is the first carries no tag', () => {
    expect(attemptTag(FIRST_ATTEMPT)).toBeUndefined();
  });

  it.each([undefined, '', '3', '3.', '3.xyz', '-1.0123456789abcdef', '99999.0123456789abcdef'])(
    'with the spoilt tag %s is taken for the first',
    (value) => {
      expect(attemptIn(value)).toEqual(FIRST_ATTEMPT);
    },
  );

  it('depends on every copy that was lost, and on their order', () => {
    const other = [ami(2), ami(1), ami(3)].reduce(nextAttempt, FIRST_ATTEMPT);
    expect(other.digest).not.toBe(chain.digest);
  });
});
