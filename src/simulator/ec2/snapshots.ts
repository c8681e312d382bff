import { type Call, DONE, iso, type Operation, tagSet } from './call.ts';
import { filterOf, tagAttribute } from './filters.ts';
import { Refusal, snapshotNotFound } from './refusal.ts';
import type { SimSnapshot } from './world.ts';
import type { Xml } from './xml.ts';

/** How long after its image went a snapshot is still said to be in use. */
const IN_USE_AFTER_MS = 8000;

/** @throws Refusal when there is none, or it is not the caller's */
export function ownSnapshot(call: Call, id: string): SimSnapshot {
  if (!/^snap-[0-9a-f]+$/.test(id))
    throw new Refusal('InvalidSnapshotID.Malformed', `Invalid id: "${id}" (expecting "snap-...")`);
  const snapshot = call.place.snapshots.get(id);
  if (!snapshot || snapshot.deleted || !call.world.seenSnapshot(id)) throw snapshotNotFound(id);
  return snapshot;
}

export const describeSnapshots: Operation = {
  parameters: ['SnapshotId', 'Owner', 'RestorableBy', 'Filter', 'MaxResults', 'NextToken', 'DryRun'],
  mutates: false,
  run(call) {
    const { query } = call;
    const wanted = query.list('SnapshotId');
    if (wanted.length > 0 && query.get('MaxResults') !== undefined) {
      throw new Refusal(
        'InvalidParameterCombination',
        'The parameter snapshotIds cannot be used with the parameter maxResults',
      );
    }
    for (const id of wanted) {
      if (!/^snap-[0-9a-f]+$/.test(id))
        throw new Refusal('InvalidSnapshotID.Malformed', `Invalid id: "${id}" (expecting "snap-...")`);
      const any = call.world.findSnapshot(id, call.place.region);
      if (!any || any.deleted) throw snapshotNotFound(id);
    }
    const matches = filterOf(query);
    matches(() => []);
    const list = (): string[] => matching(call, new Set(wanted), query.list('Owner'), matches);
    const { ids, nextToken } = call.paging.page('DescribeSnapshots', query, list, [5, 1000]);
    return { snapshotSet: ids.flatMap((id) => snapshotXml(call, id)), nextToken };
  },
};

function matching(
  call: Call,
  wanted: ReadonlySet<string>,
  owners: readonly string[],
  matches: ReturnType<typeof filterOf>,
): string[] {
  const found: string[] = [];
  for (const place of call.world.places()) {
    if (place.region !== call.place.region) continue;
    for (const id of place.snapshots.keys()) {
      const snapshot = call.world.seenSnapshot(id);
      if (!snapshot || snapshot.deleted || (wanted.size > 0 && !wanted.has(id))) continue;
      const own = snapshot.account === call.place.account;
      if (!own && !snapshot.permissions.includes(call.place.account) && !snapshot.permissions.includes('all')) continue;
      if (owners.length > 0 && !owners.some((owner) => owner === snapshot.account || (owner === 'self' && own)))
        continue;
      if (matches((name) => attribute(snapshot, name))) found.push(id);
    }
  }
  return found;
}

function attribute(snapshot: SimSnapshot, name: string): readonly string[] | undefined {
  switch (name) {
    case 'snapshot-id':
      return [snapshot.id];
    case 'status':
      return [snapshot.state];
    case 'owner-id':
      return [snapshot.account];
    case 'description':
      return [snapshot.description];
    case 'encrypted':
      return [String(snapshot.encrypted)];
    case 'volume-size':
      return [String(snapshot.sizeGiB)];
    case 'start-time':
      return [iso(snapshot.startedAt)];
    default:
      return tagAttribute(name, snapshot.tags);
  }
}

function snapshotXml(call: Call, id: string): Xml[] {
  const snapshot = call.world.seenSnapshot(id);
  if (!snapshot) return [];
  const own = snapshot.account === call.place.account;
  return [
    {
      snapshotId: id,
      volumeId: 'vol-ffffffff',
      status: snapshot.state,
      startTime: iso(snapshot.startedAt),
      progress: `${progressOf(snapshot, call.world.now())}%`,
      ownerId: snapshot.account,
      volumeSize: snapshot.sizeGiB,
      description: snapshot.description,
      encrypted: snapshot.encrypted,
      kmsKeyId: snapshot.kmsKeyId,
      tagSet: tagSet(own ? snapshot.tags : {}),
    },
  ];
}

function progressOf({ state, startedAt, completesAt }: SimSnapshot, now: number): number {
  if (state === 'completed') return 100;
  const part = completesAt > startedAt ? (now - startedAt) / (completesAt - startedAt) : 0;
  return Math.min(99, Math.max(0, Math.floor(part * 100)));
}

export const describeSnapshotAttribute: Operation = {
  parameters: ['SnapshotId', 'Attribute', 'DryRun'],
  mutates: false,
  run(call) {
    const { id } = ownSnapshot(call, call.query.required('SnapshotId'));
    if (call.query.required('Attribute') !== 'createVolumePermission')
      throw new Refusal('InvalidParameterValue', 'Only createVolumePermission can be described');
    const permissions = call.world.seenSnapshot(id)?.permissions ?? [];
    return {
      snapshotId: id,
      createVolumePermission: permissions.map((entry) => (entry === 'all' ? { group: 'all' } : { userId: entry })),
    };
  },
};

export const modifySnapshotAttribute: Operation = {
  parameters: ['SnapshotId', 'Attribute', 'OperationType', 'UserId', 'UserGroup', 'CreateVolumePermission', 'DryRun'],
  mutates: true,
  run(call) {
    const { query } = call;
    const snapshot = ownSnapshot(call, query.required('SnapshotId'));
    const operation = query.get('OperationType');
    const flat = [...query.list('UserId'), ...query.list('UserGroup')];
    const structure = query.structure('CreateVolumePermission');
    const entries = (name: string): string[] =>
      structure.structures(name).flatMap((entry) => entry.get('UserId') ?? entry.get('Group') ?? []);
    const add = operation === 'add' ? flat : entries('Add');
    const remove = operation === 'remove' ? flat : entries('Remove');
    if (add.length > 0 && remove.length > 0)
      throw new Refusal('InvalidParameterCombination', 'Permissions can be added or removed in one request, not both');
    if (add.length + remove.length === 0)
      throw new Refusal('MissingParameter', 'The request must contain the parameter CreateVolumePermission');
    if (add.length + remove.length > 500)
      throw new Refusal('InvalidParameterValue', 'At most 500 permissions can be changed in one request');
    for (const entry of add) {
      if (!/^(\d{12}|all)$/.test(entry))
        throw new Refusal('InvalidSnapshotAttributeItemValue', `Invalid user id: ${entry}`);
    }
    if (add.length > 0 && snapshot.kmsKeyId?.endsWith('key/aws-ebs') === true)
      throw new Refusal('OperationNotPermitted', 'Encrypted snapshots with EBS default key cannot be shared');
    if (add.includes('all') && snapshot.encrypted)
      throw new Refusal(
        'UnsupportedOperation',
        'Encrypted snapshots can’t be shared publicly. Specify another snapshot.',
      );
    const permissions = [...new Set([...snapshot.permissions, ...add])]
      .filter((entry) => !remove.includes(entry))
      .sort();
    call.world.putSnapshot({ ...snapshot, permissions });
    return DONE;
  },
};

export const deleteSnapshot: Operation = {
  parameters: ['SnapshotId', 'DryRun'],
  mutates: true,
  run(call) {
    const { place, world } = call;
    const snapshot = ownSnapshot(call, call.query.required('SnapshotId'));
    const uses = (volumes: readonly { readonly snapshotId: string }[]): boolean =>
      volumes.some((volume) => volume.snapshotId === snapshot.id);
    for (const image of place.images.values()) {
      const lingering = image.state !== 'deregistered' || world.now() - (image.deregisteredAt ?? 0) < IN_USE_AFTER_MS;
      if (lingering && uses(image.volumes))
        throw new Refusal('InvalidSnapshot.InUse', `The snapshot ${snapshot.id} is currently in use by ${image.id}`);
    }
    // An image in the Recycle Bin does not protect its snapshots: it can then never be restored.
    world.putSnapshot({ ...snapshot, deleted: true });
    return DONE;
  },
};
