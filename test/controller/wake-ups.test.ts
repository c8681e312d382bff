import { beforeEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/ambient/random.ts';
import { VirtualClock } from '../../src/ambient/virtual-clock.ts';
import type { AmiPolicy } from '../../src/api/ami-policy.ts';
import type { AwsAccount } from '../../src/api/aws-account.ts';
import { FreshnessLedger } from '../../src/controller/freshness-ledger.ts';
import { wakeOnChanges } from '../../src/controller/wake-ups.ts';
import { type KubeObject, keyOf } from '../../src/kube/kube-object.ts';
import { IndexedStore } from '../../src/kube/object-store.ts';
import type { Change } from '../../src/kube/reflector.ts';
import { type Priority, WorkQueue } from '../../src/kube/work-queue.ts';

type Policy = AmiPolicy & KubeObject;
type Account = AwsAccount & KubeObject;

/** What a reflector shows of a kind, changed by hand. */
class View<T extends KubeObject> {
  readonly store = new IndexedStore<T>();
  readonly #listeners: ((change: Change<T>) => void)[] = [];

  onChange(listener: (change: Change<T>) => void): () => void {
    this.#listeners.push(listener);
    return () => undefined;
  }

  put(object: T): void {
    const key = keyOf(object);
    const before = this.store.get(key);
    this.store.set(object);
    this.#tell(before ? { kind: 'updated', key, object, before } : { kind: 'added', key, object });
  }

  remove(object: T): void {
    this.store.delete(keyOf(object));
    this.#tell({ kind: 'deleted', key: keyOf(object), object, before: object });
  }

  #tell(change: Change<T>): void {
    for (const listener of this.#listeners) listener(change);
  }
}

const policy = (name: string, spec: object = {}, more: object = {}): Policy =>
  ({
    metadata: { name, namespace: 'platform', uid: `uid-${name}`, generation: 1 },
    spec: { source: { account: '111122223333', region: 'us-east-1' }, ...spec },
    status: { observedGeneration: 1 },
    ...more,
  }) as unknown as Policy;
const account = (name: string, metadata: object = {}): Account =>
  ({ metadata: { name, uid: `uid-${name}`, generation: 1, ...metadata }, spec: {} }) as unknown as Account;

const OTHER = '222233334444';

let policies: View<Policy>;
let accounts: View<Account>;
let policyQueue: WorkQueue;
let accountQueue: WorkQueue;
let holding: Set<string>;
let takenOver: number;

beforeEach(() => {
  policies = new View();
  accounts = new View();
  const clock = new VirtualClock(0);
  policyQueue = new WorkQueue({ clock, random: seededRandom(1) });
  accountQueue = new WorkQueue({ clock, random: seededRandom(2) });
  holding = new Set();
  takenOver = 0;
  wakeOnChanges({
    views: { policies, accounts },
    queues: { policies: policyQueue, accounts: accountQueue },
    freshness: new FreshnessLedger(clock, 0),
    shard: ({ metadata }) => metadata.labels?.['shard'] !== 'other',
    onTakenOver: () => takenOver++,
    hasImagesIn: ({ metadata }, id) => holding.has(`${metadata.name} ${id}`),
  });
});

/** Whoever was woken since this was last asked, with its priority, in order. */
async function woken(queue = policyQueue): Promise<Record<string, Priority>> {
  const found: Record<string, Priority> = {};
  while (Object.values(queue.metrics().depth).some((depth) => depth > 0)) {
    const taken = await queue.get();
    if (!taken) break;
    found[taken.key.replace('platform/', '')] = taken.priority;
    queue.done(taken.key);
  }
  return found;
}

describe('an edit of a policy', () => {
  it('wakes that policy and no other, with high priority', async () => {
    policies.put(policy('web'));
    policies.put(policy('db'));
    await woken();
    policies.put(policy('web', { suspend: true }, { metadata: { ...policy('web').metadata, generation: 2 } }));
    expect(await woken()).toEqual({ web: 'high' });
  });

  it('that is only its status wakes nobody', async () => {
    policies.put(policy('web'));
    await woken();
    policies.put(policy('web', {}, { status: { observedGeneration: 1, targets: [] } }));
    expect(await woken()).toEqual({});
  });

  it('wakes those that stood off because of it', async () => {
    const conditions = [{ type: 'Ready', status: 'False', reason: 'OwnershipConflict' }];
    policies.put(policy('second', {}, { status: { observedGeneration: 1, conditions } }));
    policies.put(policy('elsewhere', { source: { account: OTHER, region: 'us-east-1' } }, { status: { conditions } }));
    policies.put(policy('first'));
    await woken();
    policies.remove(policy('first'));
    expect(await woken()).toEqual({ second: 'high' });
  });
});

describe('what belongs to another shard', () => {
  const labelled = (name: string, more: object = {}, spec: object = {}): Policy =>
    policy(name, spec, { ...more, metadata: { ...policy(name).metadata, labels: { shard: 'other' } } });

  it('is not woken, whatever becomes of it', async () => {
    policies.put(labelled('theirs', { status: undefined }));
    policies.put(labelled('theirs', {}, { suspend: true }));
    accounts.put(account(OTHER, { labels: { shard: 'other' } }));
    expect(await woken()).toEqual({});
    expect(await woken(accountQueue)).toEqual({});
  });

  it('wakes those of ours that stood off because of it', async () => {
    const conditions = [{ type: 'Ready', status: 'False', reason: 'SourceClaimed' }];
    policies.put(policy('ours', {}, { status: { observedGeneration: 1, conditions } }));
    policies.put(labelled('theirs'));
    await woken();
    policies.remove(labelled('theirs'));
    expect(await woken()).toEqual({ ours: 'high' });
  });

  it('is looked at afresh when it comes over, because what the other shard did last may not be visible yet', async () => {
    policies.put(labelled('moves'));
    policies.put(policy('moves'));
    expect(await woken()).toEqual({ moves: 'high' });
    expect(takenOver).toBe(1);
    policies.put(labelled('moves'));
    policies.put(labelled('moves', {}, { suspend: true }));
    expect(await woken()).toEqual({});
    expect(takenOver).toBe(1);
  });

  it('is an account whose policies may be ours', async () => {
    policies.put(policy('names-it', { accounts: [{ id: OTHER }] }));
    await woken();
    accounts.put(account(OTHER, { labels: { shard: 'other' } }));
    expect(await woken()).toEqual({ 'names-it': 'high' });
    expect(await woken(accountQueue)).toEqual({});
  });
});

it('after a restart only what somebody waits for has high priority', async () => {
  policies.put(policy('answered'));
  policies.put(policy('edited', {}, { status: { observedGeneration: 0 } }));
  expect(await woken()).toEqual({ edited: 'high', answered: 'low' });
});

describe('a change of an account', () => {
  beforeEach(async () => {
    policies.put(policy('names-it', { accounts: [{ id: OTHER }] }));
    policies.put(policy('has-its-source-there', { source: { account: OTHER, region: 'us-east-1' } }));
    policies.put(policy('selects-by-labels', { accountSelector: { matchLabels: { tier: 'prod' } } }));
    policies.put(policy('left-images-there'));
    policies.put(policy('has-nothing-to-do-with-it'));
    accounts.put(account(OTHER));
    holding.add(`left-images-there ${OTHER}`);
    await woken();
    await woken(accountQueue);
  });
  const CONCERNED = {
    'names-it': 'high',
    'has-its-source-there': 'high',
    'selects-by-labels': 'high',
    'left-images-there': 'high',
  };

  it.each<[string, () => void]>([
    ['of its spec', () => accounts.put(account(OTHER, { generation: 2 }))],
    ['of its labels', () => accounts.put(account(OTHER, { labels: { tier: 'prod' } }))],
    ['that is its deletion', () => accounts.put(account(OTHER, { deletionTimestamp: '2026-01-01T00:00:00Z' }))],
  ])('%s wakes the account and the policies that it concerns', async (_, change) => {
    change();
    expect(await woken()).toEqual(CONCERNED);
    expect(await woken(accountQueue)).toEqual({ [OTHER]: 'high' });
  });

  it('that takes it away wakes the policies that it concerns', async () => {
    accounts.remove(account(OTHER));
    expect(await woken()).toEqual(CONCERNED);
    expect(await woken(accountQueue)).toEqual({});
  });

  it('of its status or finalizers wakes nobody', async () => {
    accounts.put(account(OTHER, { finalizers: ['amifleet.io/images'], resourceVersion: '7' }));
    expect(await woken()).toEqual({});
    expect(await woken(accountQueue)).toEqual({});
  });
});
