import { type Call, iso, type Operation, paged } from './call.ts';
import { type Filterable, filterOf } from './filters.ts';
import { Refusal } from './refusal.ts';
import { checkSnapshotId, ownSnapshot } from './snapshot-access.ts';
import type { SimSnapshot, SnapshotLock } from './world.ts';
import type { Xml } from './xml.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** As EC2 words it. */
function stateOf({ mode, expiresAt, cooledAt = 0 }: SnapshotLock, now: number): string {
  if (expiresAt <= now) return 'expired';
  return mode === 'compliance' && now < cooledAt ? 'compliance-cooloff' : mode;
}

/** Whether nobody can delete a snapshot now. */
export const isLocked = ({ lock }: SimSnapshot, now: number): boolean =>
  lock !== undefined && stateOf(lock, now) !== 'expired';

export const lockSnapshot: Operation = {
  parameters: ['SnapshotId', 'LockMode', 'LockDuration', 'CoolOffPeriod', 'DryRun'],
  mutates: true,
  run(call) {
    const { query, world } = call;
    const snapshot = ownSnapshot(call, query.required('SnapshotId'));
    const mode = query.required('LockMode');
    if (mode !== 'governance' && mode !== 'compliance')
      throw new Refusal('InvalidParameterValue', `Invalid value '${mode}' for LockMode`);
    const days = Number(query.required('LockDuration'));
    if (!Number.isInteger(days) || days < 1 || days > 36_500)
      throw new Refusal('InvalidParameterValue', 'LockDuration must be between 1 and 36500 days');
    const now = world.now();
    const before = snapshot.lock;
    if (before && stateOf(before, now) === 'compliance' && now + days * DAY_MS < before.expiresAt)
      throw new Refusal('OperationNotPermitted', `The lock of ${snapshot.id} can only be extended`);
    const hours = Number(query.get('CoolOffPeriod') ?? 0);
    const cooledAt = before?.cooledAt ?? now + hours * HOUR_MS;
    const lock: SnapshotLock = {
      mode,
      days,
      lockedAt: now,
      expiresAt: now + days * DAY_MS,
      ...(mode === 'compliance' && { cooledAt }),
    };
    world.putSnapshot({ ...snapshot, lock });
    return lockXml(snapshot.id, lock, now);
  },
};

export const unlockSnapshot: Operation = {
  parameters: ['SnapshotId', 'DryRun'],
  mutates: true,
  run(call) {
    const { lock, ...snapshot } = ownSnapshot(call, call.query.required('SnapshotId'));
    if (!lock) throw new Refusal('SnapshotLock.NotFound', `There is no lock on ${snapshot.id}`);
    if (stateOf(lock, call.world.now()) === 'compliance')
      throw new Refusal('OperationNotPermitted', `${snapshot.id} is locked in compliance mode`);
    call.world.putSnapshot(snapshot);
    return { snapshotId: snapshot.id };
  },
};

const FILTERS: Filterable<{ readonly state: string; readonly tags: SimSnapshot['tags'] }> = {
  'lock-state': ({ state }) => [state],
};

/** Those of the caller that were ever locked, also where that has expired. */
export const describeLockedSnapshots: Operation = {
  parameters: ['Filter', 'MaxResults', 'NextToken', 'SnapshotId', 'DryRun'],
  mutates: false,
  run(call) {
    const { query, world, place } = call;
    const wanted = query.list('SnapshotId');
    for (const id of wanted) checkSnapshotId(id);
    const matches = filterOf(query, FILTERS);
    const now = world.now();
    const locked = (id: string): LockedSnapshot | undefined => lockedAs(call, id);
    const list = (): LockedSnapshot[] =>
      [...place.snapshots.keys()]
        .flatMap((id) => locked(id) ?? [])
        .filter(({ id, lock, tags }) => {
          const isAsked = wanted.length === 0 || wanted.includes(id);
          return isAsked && matches({ state: stateOf(lock, now), tags });
        });
    const { items, nextToken } = paged(call, { least: 5, most: 1000, above: 'cut' }, list, ({ id }) => id, locked);
    return {
      snapshotSet: items.map(({ id, lock }) => ({ ownerId: place.account, ...lockXml(id, lock, now) })),
      nextToken,
    };
  },
};

type LockedSnapshot = SimSnapshot & { readonly lock: SnapshotLock };

function lockedAs({ world, place }: Call, id: string): LockedSnapshot | undefined {
  const seen = place.snapshots.has(id) ? world.seenSnapshot(id) : undefined;
  return seen && !seen.deleted && seen.lock ? { ...seen, lock: seen.lock } : undefined;
}

function lockXml(snapshotId: string, lock: SnapshotLock, now: number): { readonly [name: string]: Xml } {
  return {
    snapshotId,
    lockState: stateOf(lock, now),
    lockDuration: lock.days,
    coolOffPeriodExpiresOn: lock.cooledAt === undefined ? undefined : iso(lock.cooledAt),
    lockCreatedOn: iso(lock.lockedAt),
    lockDurationStartTime: iso(lock.lockedAt),
    lockExpiresOn: iso(lock.expiresAt),
  };
}
