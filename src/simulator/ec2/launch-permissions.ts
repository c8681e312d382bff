import type { Query } from './query.ts';
import { Refusal } from './refusal.ts';
import { NOBODY, type Permissions } from './world.ts';

const ORGANIZATION = /^arn:aws(-[a-z]+)*:organizations::\d{12}:organization\/o-[a-z0-9]+$/;
const UNIT = /^arn:aws(-[a-z]+)*:organizations::\d{12}:ou\/o-[a-z0-9]+\/ou-[a-z0-9]+-[a-z0-9]+$/;
const ITEM_FIELDS: readonly string[] = ['UserId', 'Group', 'OrganizationArn', 'OrganizationalUnitArn'];
const FLAT_LISTS: readonly string[] = ['UserId', 'UserGroup', 'OrganizationArn', 'OrganizationalUnitArn'];

export interface PermissionChange {
  readonly add: Permissions;
  readonly remove: Permissions;
}

/** Whether a request changes launch permissions, in either form. */
export const changesPermissions = (query: Query): boolean => {
  const names = query.names();
  return (
    query.get('Attribute') === 'launchPermission' ||
    ['LaunchPermission', 'OperationType', ...FLAT_LISTS].some((name) => names.has(name))
  );
};

/**
 * Reads both forms: the structured one, and the flat one with OperationType.
 * @throws Refusal when it is neither, both, or an entry is malformed
 */
export function permissionChangeOf(query: Query): PermissionChange {
  const flat = FLAT_LISTS.some((name) => query.list(name).length > 0);
  const structured = query.names().has('LaunchPermission');
  if (structured && (flat || query.get('OperationType') !== undefined))
    throw new Refusal(
      'InvalidParameterCombination',
      'The parameter LaunchPermission cannot be used with the parameter OperationType',
    );
  const change = structured ? structuredChange(query) : flatChange(query);
  if (isNobody(change.add) && isNobody(change.remove))
    throw new Refusal('MissingParameter', 'The request must contain the parameter launchPermission');
  return change;
}

function flatChange(query: Query): PermissionChange {
  const operation = query.required('OperationType');
  if (operation !== 'add' && operation !== 'remove')
    throw new Refusal('InvalidParameterValue', `Value (${operation}) for parameter operationType is invalid.`);
  const given = checked({
    accounts: query.list('UserId'),
    groups: query.list('UserGroup'),
    organizations: query.list('OrganizationArn'),
    organizationalUnits: query.list('OrganizationalUnitArn'),
  });
  return operation === 'add' ? { add: given, remove: NOBODY } : { add: NOBODY, remove: given };
}

function structuredChange(query: Query): PermissionChange {
  const structure = query.structure('LaunchPermission');
  const entries = (name: string): Permissions => {
    const items = structure.structures(name);
    for (const item of items) {
      const given = ITEM_FIELDS.filter((field) => item.get(field) !== undefined);
      if (given.length !== 1)
        throw new Refusal(
          'InvalidParameterCombination',
          `Each launch permission must have exactly one of ${ITEM_FIELDS.join(', ')}`,
        );
    }
    const all = (field: string): string[] => items.flatMap((item) => item.get(field) ?? []);
    return checked({
      accounts: all('UserId'),
      groups: all('Group'),
      organizations: all('OrganizationArn'),
      organizationalUnits: all('OrganizationalUnitArn'),
    });
  };
  return { add: entries('Add'), remove: entries('Remove') };
}

function checked(given: {
  readonly accounts: readonly string[];
  readonly groups: readonly string[];
  readonly organizations: readonly string[];
  readonly organizationalUnits: readonly string[];
}): Permissions {
  const check = (items: readonly string[], pattern: RegExp, type: string): void => {
    const bad = items.find((item) => !pattern.test(item));
    if (bad !== undefined)
      throw new Refusal('InvalidAMIAttributeItemValue', `Invalid attribute item value "${bad}" for ${type} item type.`);
  };
  check(given.accounts, /^\d{12}$/, 'userId');
  check(given.groups, /^all$/, 'group');
  check(given.organizations, ORGANIZATION, 'organizationArn');
  check(given.organizationalUnits, UNIT, 'organizationalUnitArn');
  const { groups, ...others } = given;
  return { ...others, public: groups.length > 0 };
}

export const isNobody = (permissions: Permissions): boolean => entitiesOf(permissions) === 0 && !permissions.public;

/** What counts against the quota of an image: everybody is not one of them. */
export const entitiesOf = ({ accounts, organizations, organizationalUnits }: Permissions): number =>
  accounts.length + organizations.length + organizationalUnits.length;

/** The permissions after a change; the owner needs none and is never listed. */
export function withChange(permissions: Permissions, { add, remove }: PermissionChange, owner: string): Permissions {
  const merge = (have: readonly string[], more: readonly string[], less: readonly string[]): string[] =>
    [...new Set([...have, ...more])].filter((entry) => !less.includes(entry) && entry !== owner).sort();
  return {
    accounts: merge(permissions.accounts, add.accounts, remove.accounts),
    organizations: merge(permissions.organizations, add.organizations, remove.organizations),
    organizationalUnits: merge(permissions.organizationalUnits, add.organizationalUnits, remove.organizationalUnits),
    public: (permissions.public || add.public) && !remove.public,
  };
}
