import type { PolicyStatus } from '../api/policy-status.ts';

type Deletions = NonNullable<PolicyStatus['deletions']>;

/** The day of a time, UTC, as the daily limit counts days. */
const dayOf = (now: number): string => new Date(now).toISOString().slice(0, 10);

/** The versions whose deletion was begun on the day of `now`. */
export function deletedOn(now: number, deletions: Deletions | undefined): ReadonlySet<string> {
  return new Set(deletions?.day === dayOf(now) ? deletions.versions : []);
}

/** The ledger with more versions on it. It is written before the first of them goes, so that a crash forgets none. */
export function withDeleted(now: number, deletions: Deletions | undefined, versions: readonly string[]): Deletions {
  return { day: dayOf(now), versions: [...new Set([...deletedOn(now, deletions), ...versions])].sort() };
}
