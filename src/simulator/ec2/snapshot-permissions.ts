import { type Call, DONE, type Operation } from './call.ts';
import { underManagedKey } from './keys.ts';
import { Refusal } from './refusal.ts';
import { ownSnapshot } from './snapshot-access.ts';
import type { SimSnapshot } from './world.ts';

/** ec2-facts, section 3. */
const MAX_CHANGES = 500;
const ATTRIBUTE = 'createVolumePermission';

const unknownAttribute = (attribute: string): Refusal =>
  new Refusal('InvalidParameterValue', `Value (${attribute}) for parameter attribute is invalid.`);

export const describeSnapshotAttribute: Operation = {
  parameters: ['SnapshotId', 'Attribute', 'DryRun'],
  mutates: false,
  run(call) {
    const { query, world, place } = call;
    const id = query.required('SnapshotId');
    const seen = world.seenSnapshot(id);
    // By what readers see: a moment ago it may have been there still.
    const snapshot = seen?.account === place.account && !seen.deleted ? seen : ownSnapshot(call, id);
    const attribute = query.required('Attribute');
    if (attribute === 'productCodes') return { snapshotId: id, productCodes: [] };
    if (attribute !== ATTRIBUTE) throw unknownAttribute(attribute);
    return {
      snapshotId: id,
      createVolumePermission: snapshot.permissions.map((entry) =>
        entry === 'all' ? { group: 'all' } : { userId: entry },
      ),
    };
  },
};

export const modifySnapshotAttribute: Operation = {
  parameters: ['SnapshotId', 'Attribute', 'OperationType', 'UserId', 'UserGroup', 'CreateVolumePermission', 'DryRun'],
  mutates: true,
  run(call) {
    const { query, world } = call;
    const snapshot = ownSnapshot(call, query.required('SnapshotId'));
    const attribute = query.get('Attribute');
    if (attribute !== undefined && attribute !== ATTRIBUTE) throw unknownAttribute(attribute);
    const { add, remove } = changeOf(call);
    for (const entry of [...add, ...remove]) {
      if (!/^(\d{12}|all)$/.test(entry))
        throw new Refusal('InvalidParameterValue', `Invalid attribute item value "${entry}" for ${ATTRIBUTE}.`);
    }
    checkSharing(snapshot, add);
    const permissions = [...new Set([...snapshot.permissions, ...add])]
      .filter((entry) => !remove.includes(entry) && entry !== snapshot.account)
      .sort();
    world.putSnapshot({ ...snapshot, permissions });
    return DONE;
  },
};

interface Change {
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

/** Both forms: the structured one, and the flat one with OperationType. */
function changeOf({ query }: Call): Change {
  const structured = query.names().has('CreateVolumePermission');
  const flat = [...query.list('UserId'), ...query.list('UserGroup')];
  const operation = query.get('OperationType');
  if (structured && (flat.length > 0 || operation !== undefined))
    throw new Refusal(
      'InvalidParameterCombination',
      'The parameter CreateVolumePermission cannot be used with the parameter OperationType',
    );
  const change = structured ? structuredChange(query.structure('CreateVolumePermission')) : flatChange(flat, operation);
  if (change.add.length > 0 && change.remove.length > 0)
    throw new Refusal('InvalidParameterCombination', 'Permissions can be added or removed in one request, not both');
  const count = change.add.length + change.remove.length;
  if (count === 0) throw new Refusal('MissingParameter', `The request must contain the parameter ${ATTRIBUTE}`);
  if (count > MAX_CHANGES)
    throw new Refusal('InvalidParameterValue', `At most ${MAX_CHANGES} permissions can be changed in one request`);
  return change;
}

function structuredChange(structure: Call['query']): Change {
  const entries = (name: string): string[] =>
    structure.structures(name).map((entry) => {
      const user = entry.get('UserId');
      const group = entry.get('Group');
      if ((user === undefined) === (group === undefined))
        throw new Refusal('InvalidParameterCombination', 'Each permission must have exactly one of UserId, Group');
      return user ?? group ?? '';
    });
  return { add: entries('Add'), remove: entries('Remove') };
}

function flatChange(entries: readonly string[], operation: string | undefined): Change {
  if (operation === undefined)
    throw new Refusal('MissingParameter', 'The request must contain the parameter OperationType');
  if (operation === 'add') return { add: entries, remove: [] };
  if (operation === 'remove') return { add: [], remove: entries };
  throw new Refusal('InvalidParameterValue', `Value (${operation}) for parameter operationType is invalid.`);
}

function checkSharing(snapshot: SimSnapshot, add: readonly string[]): void {
  if (add.length === 0) return;
  if (underManagedKey(snapshot))
    throw new Refusal('OperationNotPermitted', 'Encrypted snapshots with EBS default key cannot be shared');
  if (add.includes('all') && snapshot.encrypted)
    throw new Refusal(
      'UnsupportedOperation',
      'Encrypted snapshots can’t be shared publicly. Specify another snapshot.',
    );
}

export const resetSnapshotAttribute: Operation = {
  parameters: ['SnapshotId', 'Attribute', 'DryRun'],
  mutates: true,
  run(call) {
    const snapshot = ownSnapshot(call, call.query.required('SnapshotId'));
    const attribute = call.query.required('Attribute');
    if (attribute !== ATTRIBUTE) throw unknownAttribute(attribute);
    call.world.putSnapshot({ ...snapshot, permissions: [] });
    return DONE;
  },
};
