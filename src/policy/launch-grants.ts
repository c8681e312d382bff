import type { LaunchGrants } from './model.ts';

/** The entries of `left` that `right` does not have. */
export function without(left: LaunchGrants, right: LaunchGrants): LaunchGrants {
  return {
    accounts: subtract(left.accounts, right.accounts),
    organizations: subtract(left.organizations, right.organizations),
    organizationalUnits: subtract(left.organizationalUnits, right.organizationalUnits),
    public: left.public && !right.public,
  };
}

function subtract(left: readonly string[], right: readonly string[]): string[] {
  const known = new Set(right);
  return left.filter((entry) => !known.has(entry)).toSorted();
}

export const count = (grants: LaunchGrants): number =>
  grants.accounts.length + grants.organizations.length + grants.organizationalUnits.length + (grants.public ? 1 : 0);

export const isNothing = (grants: LaunchGrants): boolean => count(grants) === 0;

/** `accounts 1, 2 and 1 organizational unit`: at most three names, for a line of text. */
export function describe(grants: LaunchGrants): string {
  const parts = [
    named('account', grants.accounts),
    named('organization', grants.organizations.map(lastPart)),
    named('organizational unit', grants.organizationalUnits.map(lastPart)),
    grants.public ? 'everyone' : '',
  ].filter(Boolean);
  return parts.length > 0 ? parts.join(' and ') : 'nobody';
}

const lastPart = (arn: string): string => arn.slice(arn.lastIndexOf('/') + 1);

function named(noun: string, names: readonly string[]): string {
  if (names.length === 0) return '';
  if (names.length > 3) return `${names.length} ${noun}s`;
  return `${noun}${names.length > 1 ? 's' : ''} ${names.join(', ')}`;
}

/** Everybody that is let in, by name. */
export const granteesOf = (grants: LaunchGrants): string[] => [
  ...grants.accounts,
  ...grants.organizations,
  ...grants.organizationalUnits,
  ...(grants.public ? ['everyone'] : []),
];
