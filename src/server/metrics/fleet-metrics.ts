import type { Registry } from '@prometheus-io/client';
import type { AmiPolicy } from '../../api/ami-policy.ts';
import type { Condition } from '../../api/conditions.ts';
import type { TargetCensus } from '../../aws/inventories.ts';
import type { Parts } from '../../controller/observer.ts';
import { pulledGauge, type Series } from './pulled.ts';

const GIB = 2 ** 30;
/** Reasons are a closed list, but for the codes that AWS invents; no more than so many series are made of them. */
const MOST_REASONS = 200;
const OTHER = 'Other';
/** The age of a listing matters while somebody goes by it: most targets are only swept for leftovers, once a day. */
const ASKED_WITHIN_MS = 60 * 60_000;

const PLACE = ['account', 'region'];

/**
 * The fleet as the replica that works sees it. One that stands by says nothing of it: it would count everything twice,
 * and lists nothing of AWS.
 */
export function fleetMetrics(registry: Registry, parts: () => Parts | undefined, monotonic: () => number): void {
  const leader = (): Parts | undefined => (parts()?.leads() === true ? parts() : undefined);
  const policies = (): readonly AmiPolicy[] => [...(leader()?.policies() ?? [])];
  const censuses = (): readonly TargetCensus[] => {
    const { engine, cluster } = leader() ?? {};
    return engine && cluster !== undefined ? engine.inventories.censuses(cluster) : [];
  };

  pulledGauge(registry, {
    name: 'amifleet_policy_ready',
    help: '1 when the condition Ready of a policy is True, 0 when it is not.',
    labelNames: ['namespace', 'name'],
    read: () =>
      policies().map(({ metadata: { namespace = '', name }, status }) => [
        { namespace, name },
        isReady(status?.conditions) ? 1 : 0,
      ]),
  });
  pulledGauge(registry, {
    name: 'amifleet_policy_conditions',
    help: 'Policies by the type, status and reason of each of their conditions.',
    labelNames: ['type', 'status', 'reason'],
    read: () => {
      const counts = new ReasonCounts();
      for (const { status } of policies())
        for (const { type, status: is, reason } of status?.conditions ?? [])
          counts.add(`${type} ${is}`, reason, (reason) => ({ type, status: is, reason }));
      return counts.series();
    },
  });
  pulledGauge(registry, {
    name: 'amifleet_blocked',
    help: 'What is not done, by reason: the entries of status.plan.blocked of all policies.',
    labelNames: ['reason'],
    read: () => {
      const counts = new ReasonCounts();
      for (const { status } of policies())
        for (const { reason } of status?.plan?.blocked ?? []) counts.add('', reason, (reason) => ({ reason }));
      return counts.series();
    },
  });
  pulledGauge(registry, {
    name: 'amifleet_account_ready',
    help: '1 when the condition Ready of an AwsAccount is True, 0 when it is not.',
    labelNames: ['account'],
    read: function* (): Generator<Series> {
      for (const { metadata, status } of leader()?.accounts() ?? [])
        yield [{ account: metadata.name }, isReady(status?.conditions) ? 1 : 0];
    },
  });
  pulledGauge(registry, {
    name: 'amifleet_inventory_age_seconds',
    help: 'Time since the listing of a target that policies go by was begun, for each target that was asked for within the last hour.',
    labelNames: PLACE,
    read: () => {
      const now = monotonic();
      return censuses()
        .filter(({ askedAt }) => now - askedAt <= ASKED_WITHIN_MS)
        .map(({ target: { account, region }, listedAt }) => [{ account, region }, (now - listedAt) / 1000]);
    },
  });
  const each = (value: (census: TargetCensus['census']) => number | undefined) => ({
    labelNames: PLACE,
    read: function* (): Generator<Series> {
      for (const { target, census } of censuses()) {
        const number = census.images === 0 ? undefined : value(census);
        if (number !== undefined) yield [{ account: target.account, region: target.region }, number];
      }
    },
  });
  pulledGauge(registry, {
    name: 'amifleet_orphans',
    help: 'Snapshots and failed copies that no policy cleans up any more: status.orphanCount of each AwsAccount that has one.',
    labelNames: ['account'],
    read: function* (): Generator<Series> {
      for (const { metadata, status } of leader()?.accounts() ?? [])
        if (status?.orphanCount !== undefined) yield [{ account: metadata.name }, status.orphanCount];
    },
  });
  pulledGauge(registry, {
    name: 'amifleet_images_managed',
    help: 'Copies of this cluster, those that are under way included, for each target that has some.',
    ...each(({ images }) => images),
  });
  pulledGauge(registry, {
    name: 'amifleet_copies_in_flight',
    help: 'Copies of this cluster that are under way, for each target that has copies.',
    ...each(({ copying }) => copying),
  });
  pulledGauge(registry, {
    name: 'amifleet_copies_in_flight_bytes',
    help: 'The sizes of the snapshots that are being written for them, added up.',
    ...each(({ copyingGiB }) => copyingGiB * GIB),
  });
  pulledGauge(registry, {
    name: 'amifleet_oldest_copy_age_seconds',
    help: 'For how long the oldest copy that is under way has been, for each target that has one.',
    ...each(({ copyingSince }) => {
      const now = leader()?.engine.clients.time.now();
      return copyingSince === undefined || now === undefined ? undefined : Math.max(0, now - copyingSince) / 1000;
    }),
  });
}

const isReady = (conditions: readonly Condition[] = []): boolean =>
  conditions.some(({ type, status }) => type === 'Ready' && status === 'True');

/** Counts by labels of which one is a reason. Beyond the limit every further reason is Other. */
class ReasonCounts {
  readonly #counts = new Map<string, { readonly labels: Series[0]; count: number }>();

  /** @param kind what tells these labels from others, beside the reason */
  add(kind: string, reason: string, labelsOf: (reason: string) => Series[0]): void {
    const key = `${kind} ${reason}`;
    const known = this.#counts.get(key);
    if (known) known.count++;
    else if (this.#counts.size < MOST_REASONS || reason === OTHER)
      this.#counts.set(key, { labels: labelsOf(reason), count: 1 });
    else this.add(kind, OTHER, labelsOf);
  }

  series(): Series[] {
    return [...this.#counts.values()].map(({ labels, count }) => [labels, count]);
  }
}
