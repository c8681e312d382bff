import { describe, expect, it } from 'vitest';
import { type LeaseSpec, type Move, microTime, moveOf, observed } from '../../src/kube/lease-step.ts';

const ME = { identity: 'me', durationMs: 15_000 };
const TIME = '2026-01-01T00:00:00.000000Z';
const move = (spec: LeaseSpec, sinceMs: number): Move =>
  moveOf({ lease: { resourceVersion: '1', spec }, since: 0 }, ME, sinceMs, TIME);

describe('a candidate that sees a lease', () => {
  it.each<[string, LeaseSpec, number, Move['kind']]>([
    ['that nobody ever held', {}, 0, 'take'],
    ['that was given back', { holderIdentity: '', leaseDurationSeconds: 1 }, 0, 'take'],
    ['of its own', { holderIdentity: 'me', leaseDurationSeconds: 15 }, 0, 'renew'],
    ['of another, just renewed', { holderIdentity: 'you', leaseDurationSeconds: 15 }, 0, 'wait'],
    [
      'of another, unchanged for a little less than its duration',
      { holderIdentity: 'you', leaseDurationSeconds: 15 },
      14_999,
      'wait',
    ],
    ['of another, unchanged for its duration', { holderIdentity: 'you', leaseDurationSeconds: 15 }, 15_000, 'take'],
    [
      'of another with a longer duration than its own',
      { holderIdentity: 'you', leaseDurationSeconds: 60 },
      15_000,
      'wait',
    ],
    ['of another that gives no duration', { holderIdentity: 'you' }, 14_999, 'wait'],
    // Its clock may be wrong, and so may ours.
    [
      'of another, renewed a year ago by its time',
      { holderIdentity: 'you', leaseDurationSeconds: 15, renewTime: '2025-01-01T00:00:00.000000Z' },
      0,
      'wait',
    ],
  ])('%s: %#', (_, spec, since, kind) => {
    expect(move(spec, since).kind).toBe(kind);
  });

  it('counts the change of hands, and keeps the count when it renews', () => {
    expect(move({ holderIdentity: 'you', leaseTransitions: 4 }, 60_000)).toMatchObject({
      spec: { holderIdentity: 'me', leaseTransitions: 5, acquireTime: TIME, renewTime: TIME, leaseDurationSeconds: 15 },
    });
    const acquireTime = '2025-12-31T23:00:00.000000Z';
    expect(move({ holderIdentity: 'me', leaseTransitions: 4, acquireTime }, 0)).toMatchObject({
      spec: { leaseTransitions: 4, acquireTime, renewTime: TIME },
    });
  });
});

it('time counts from when a lease was first seen as it is, and anew with every change of it', () => {
  const first = observed(undefined, { resourceVersion: '1', spec: {} }, 100);
  expect(first.since).toBe(100);
  expect(observed(first, { resourceVersion: '1', spec: {} }, 900).since).toBe(100);
  expect(observed(first, { resourceVersion: '2', spec: {} }, 900).since).toBe(900);
});

it('a MicroTime has six fractional digits', () => {
  expect(microTime(Date.UTC(2026, 0, 2, 3, 4, 5, 67))).toBe('2026-01-02T03:04:05.067000Z');
});
