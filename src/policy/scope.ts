import type { AmiPolicySpec } from '../api/ami-policy.ts';
import { type Target, targetKey } from './model.ts';

/** An AwsAccount as far as it matters for which accounts a policy concerns. */
export interface KnownAccount {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Whether it lets policies of the namespace use it. */
  readonly usable: boolean;
}

/** Which targets a policy concerns, by its spec, by labels, and by what its owner has given up. */
export interface Scope {
  /** The spec with every account that the selector selects, and without what was abandoned. */
  readonly spec: AmiPolicySpec;
  /** Whether a target is let go: nothing is looked at, waited for or changed there, whatever of the policy is in it. */
  letsGo(target: Target): boolean;
  /** Whether the annotation gives a target up, whatever labels say. */
  isAbandoned(target: Target): boolean;
  /** What was abandoned, as the annotation says it, sorted. */
  readonly abandoned: readonly string[];
  /** What of the annotation is neither an account nor a target, sorted. */
  readonly unreadable: readonly string[];
}

/**
 * Resolves `accountSelector` and the annotation `amifleet.io/abandon`. With a selector an account that the spec does not
 * list is let go when it is not selected any more: a label that is lost stops the work there and drains nothing. Without
 * one, what the spec no longer names drains.
 * @param abandon the value of the annotation: accounts, and targets as `account/region`, with commas between them
 */
export function scopeOf(spec: AmiPolicySpec, abandon: string | undefined, accounts: readonly KnownAccount[]): Scope {
  const given = (abandon ?? '').split(',').map((entry) => entry.trim());
  const abandoned = given.filter(isPlace).toSorted();
  const listed = new Set([spec.source.account, ...(spec.accounts ?? []).map(({ id }) => id)]);
  const labels = Object.entries(spec.accountSelector?.matchLabels ?? {});
  const selected = spec.accountSelector
    ? accounts.filter(
        (each) => each.usable && !listed.has(each.id) && labels.every(([key, value]) => each.labels[key] === value),
      )
    : [];
  const inScope = new Set([...listed, ...selected.map(({ id }) => id)]);
  const isAbandoned = (target: Target): boolean =>
    abandoned.includes(target.account) || abandoned.includes(targetKey(target));
  const regionsLeft = <T extends { readonly name: string }>(account: string, regions: readonly T[]): T[] =>
    regions.filter(({ name }) => !isAbandoned({ account, region: name }));
  type Account = NonNullable<AmiPolicySpec['accounts']>[number];
  const all: readonly Account[] = [...(spec.accounts ?? []), ...selected.map(({ id }) => ({ id })).toSorted(byId)];
  const others = all
    .map((account) => ({ ...account, regions: regionsLeft(account.id, account.regions ?? spec.regions) }))
    .filter(({ regions }) => regions.length > 0);
  return {
    spec:
      abandoned.length === 0 && selected.length === 0
        ? spec
        : { ...spec, regions: regionsLeft(spec.source.account, spec.regions), accounts: others },
    letsGo: (target) => isAbandoned(target) || (spec.accountSelector !== undefined && !inScope.has(target.account)),
    isAbandoned,
    abandoned,
    unreadable: given.filter((entry) => entry !== '' && !isPlace(entry)).toSorted(),
  };
}

const isPlace = (entry: string): boolean => /^\d{12}(\/[a-z0-9-]+)?$/.test(entry);

const byId = (left: { readonly id: string }, right: { readonly id: string }): number => (left.id < right.id ? -1 : 1);
