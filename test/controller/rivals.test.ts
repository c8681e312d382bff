import { describe, expect, it } from 'vitest';
import type { AmiPolicy } from '../../src/api/ami-policy.ts';
import { Rivals } from '../../src/controller/rivals.ts';

const SOURCE = { account: '111122223333', region: 'us-east-1' };
const policy = (name: string, spec: object = {}, metadata: object = {}): AmiPolicy =>
  ({
    metadata: { name, namespace: 'platform', uid: `uid-${name}`, generation: 1, ...metadata },
    spec: { source: { ...SOURCE, images: { names: ['web-*'] } }, regions: [{ name: 'us-east-1' }], ...spec },
  }) as unknown as AmiPolicy;
const names = (all: readonly AmiPolicy[]): string[] =>
  new Rivals('cluster-1').of(SOURCE, all, new Map()).map(({ owner }) => owner.name);

describe('rivals for a source', () => {
  it('are the policies that work on it, wherever they come from', () => {
    expect(
      names([policy('web'), policy('db'), policy('other', { source: { ...SOURCE, region: 'eu-west-1' } })]),
    ).toEqual(['web', 'db']);
  });

  it.each([
    ['is suspended', policy('idle', { suspend: true })],
    ['only plans', policy('idle', { mode: 'Plan' })],
    ['is to go', policy('idle', {}, { deletionTimestamp: '2026-01-01T00:00:00Z' })],
    ['cannot be read', policy('idle', { regions: 'everywhere' })],
  ])('leave out one that %s', (_, idle) => {
    expect(names([policy('web'), idle])).toEqual(['web']);
  });

  it('follow a change of a policy and of the accounts, and are the same as long as nothing changes', () => {
    const rivals = new Rivals('cluster-1');
    const web = policy('web');
    const accounts = new Map();
    const [first] = rivals.of(SOURCE, [web], accounts);
    expect(rivals.of(SOURCE, [web, policy('db')], accounts)[0]).toBe(first);
    const edited = policy('web', { regions: [{ name: 'eu-west-1' }] });
    expect(rivals.of(SOURCE, [edited], accounts)[0]?.spec.regions).toEqual([{ name: 'eu-west-1' }]);
    expect(rivals.of(SOURCE, [web], new Map())[0]).not.toBe(first);
  });
});
