import { Registry } from '@prometheus-io/client';
import { expect, it } from 'vitest';
import type { AmiPolicy } from '../../src/api/ami-policy.ts';
import type { AwsAccount } from '../../src/api/aws-account.ts';
import type { Parts } from '../../src/controller/observer.ts';
import { fleetMetrics } from '../../src/server/metrics/fleet-metrics.ts';

/** A policy with so many reasons why things are not done. */
const blockedFor = (reasons: readonly string[]): AmiPolicy =>
  ({
    metadata: { namespace: 'platform', name: 'web' },
    status: { plan: { blocked: reasons.map((reason) => ({ reason, subject: 'web-1', message: 'why' })) } },
  }) as unknown as AmiPolicy;

async function blocked(policies: readonly AmiPolicy[], leads = true): Promise<Map<string, number>> {
  const registry = new Registry();
  const parts: Pick<Parts, 'policies' | 'accounts' | 'leads'> = {
    policies: () => policies,
    accounts: () => [],
    leads: () => leads,
  };
  fleetMetrics(
    registry,
    () => parts as Parts,
    () => 0,
  );
  const metric = await registry.getSingleMetric<'reason'>('amifleet_blocked')?.get();
  return new Map(metric?.values.map(({ labels, value }) => [String(labels.reason), value]));
}

it('counts what is held back over all policies', async () => {
  expect(await blocked([blockedFor(['ImageInUse', 'ImageInUse', 'OnHold']), blockedFor(['OnHold'])])).toEqual(
    new Map([
      ['ImageInUse', 2],
      ['OnHold', 2],
    ]),
  );
});

it('says nothing of the fleet where another replica does', async () => {
  expect(await blocked([blockedFor(['ImageInUse'])], false)).toEqual(new Map());
});

it('however many reasons AWS invents, they are two hundred series and one for all others', async () => {
  const reasons = Array.from({ length: 1000 }, (_, index) => `Invented${index}`);
  const counted = await blocked([blockedFor(reasons), blockedFor(['Invented0', 'Invented999'])]);
  expect(counted.size).toBe(201);
  expect(counted.get('Invented0')).toBe(2);
  expect(counted.get('Other')).toBe(801);
});

it('counts what nobody cleans up in each account, as far as it was found out', async () => {
  const registry = new Registry();
  const account = (name: string, orphanCount?: number): AwsAccount =>
    ({ metadata: { name }, status: { orphanCount } }) as unknown as AwsAccount;
  const accounts = [account('111122223333', 2), account('222233334444', 0), account('333344445555')];
  const parts: Pick<Parts, 'policies' | 'accounts' | 'leads'> = {
    policies: () => [],
    accounts: () => accounts,
    leads: () => true,
  };
  fleetMetrics(
    registry,
    () => parts as Parts,
    () => 0,
  );
  const metric = await registry.getSingleMetric<'account'>('amifleet_orphans')?.get();
  expect(metric?.values.map(({ labels, value }) => [labels.account, value])).toEqual([
    ['111122223333', 2],
    ['222233334444', 0],
  ]);
});
