import { type Call, iso, type Operation, paged, refuseIdsWithPages, tagSet } from './call.ts';
import { type Filterable, filterOf } from './filters.ts';
import { ownerMatcher } from './owners.ts';
import { snapshotNotFound } from './refusal.ts';
import { checkSnapshotId, mayUse } from './snapshot-access.ts';
import type { SimSnapshot } from './world.ts';
import type { Xml } from './xml.ts';

export const describeSnapshots: Operation = {
  parameters: ['SnapshotId', 'Owner', 'RestorableBy', 'Filter', 'MaxResults', 'NextToken', 'DryRun'],
  mutates: false,
  run(call) {
    const { query, world } = call;
    const wanted = new Set(query.list('SnapshotId'));
    refuseIdsWithPages(call, [...wanted], 'snapshotIds');
    for (const id of wanted) {
      checkSnapshotId(id);
      const seen = world.seenSnapshot(id);
      // One that is there and may not be seen is left out without a word; one that is not there is an error.
      if (!seen || seen.deleted || seen.region !== call.place.region) throw snapshotNotFound(id);
    }
    const matches = matcherOf(call);
    const visible = (id: string): SimSnapshot | undefined => visibleSnapshot(call, id);
    const list = (): SimSnapshot[] =>
      listed(call).filter((snapshot) => (wanted.size === 0 || wanted.has(snapshot.id)) && matches(snapshot));
    const { items, nextToken } = paged(call, { least: 5, most: 1000, above: 'cut' }, list, ({ id }) => id, visible);
    return { snapshotSet: items.map((snapshot) => snapshotXml(call, snapshot)), nextToken };
  },
};

function visibleSnapshot({ world, place }: Call, id: string): SimSnapshot | undefined {
  const snapshot = world.seenSnapshot(id);
  if (!snapshot || snapshot.deleted || snapshot.region !== place.region) return undefined;
  return mayUse(snapshot, place.account) ? snapshot : undefined;
}

const listed = (call: Call): SimSnapshot[] =>
  call.world
    .places()
    .filter(({ region }) => region === call.place.region)
    .flatMap(({ snapshots }) => [...snapshots.keys()].flatMap((id) => visibleSnapshot(call, id) ?? []));

function matcherOf(call: Call): (snapshot: SimSnapshot) => boolean {
  const { query, place, world } = call;
  const owned = ownerMatcher(call, query.list('Owner'), ['amazon', 'aws-marketplace']);
  const users = query.list('RestorableBy');
  ownerMatcher(call, users, ['all']);
  const restorable = ({ permissions }: SimSnapshot): boolean =>
    users.length === 0 || users.some((user) => permissions.includes(user === 'self' ? place.account : user));
  const filtered = filterOf(query, FILTERS);
  return (snapshot) =>
    owned(snapshot) &&
    restorable(snapshot) &&
    filtered({ ...snapshot, tags: tagsFor(place.account, snapshot), progress: progressOf(snapshot, world.now()) });
}

const tagsFor = (account: string, { account: owner, tags }: SimSnapshot): SimSnapshot['tags'] =>
  owner === account ? tags : {};

const FILTERS: Filterable<SimSnapshot & { readonly progress: string }> = {
  description: ({ description }) => [description],
  encrypted: ({ encrypted }) => [String(encrypted)],
  'owner-alias': () => [],
  'owner-id': ({ account }) => [account],
  progress: ({ progress }) => [progress],
  'snapshot-id': ({ id }) => [id],
  'start-time': ({ startedAt }) => [iso(startedAt)],
  status: ({ state }) => [state],
  'storage-tier': ({ archived }) => [tierOf(archived)],
  'transfer-type': () => ['standard'],
  'volume-id': () => [NO_VOLUME],
  'volume-size': ({ sizeGiB }) => [String(sizeGiB)],
};

const tierOf = (archived: true | undefined): string => (archived ? 'archive' : 'standard');

/** What a snapshot that was copied says about its volume. */
const NO_VOLUME = 'vol-ffffffff';

function snapshotXml({ place, world }: Call, snapshot: SimSnapshot): Xml {
  const { id, state, stateMessage, startedAt, completesAt, account, sizeGiB, description } = snapshot;
  return {
    snapshotId: id,
    volumeId: NO_VOLUME,
    status: state,
    statusMessage: stateMessage,
    startTime: iso(startedAt),
    completionTime: state === 'completed' ? iso(completesAt) : undefined,
    progress: progressOf(snapshot, world.now()),
    ownerId: account,
    volumeSize: sizeGiB,
    description,
    encrypted: snapshot.encrypted,
    kmsKeyId: snapshot.kmsKeyId,
    storageTier: tierOf(snapshot.archived),
    tagSet: tagSet(tagsFor(place.account, snapshot)),
  };
}

function progressOf({ state, startedAt, completesAt }: SimSnapshot, now: number): string {
  if (state === 'completed') return '100%';
  const part = completesAt > startedAt ? (now - startedAt) / (completesAt - startedAt) : 0;
  return `${Math.min(99, Math.max(0, Math.floor(part * 100)))}%`;
}
