import type { AmiPolicySpec } from '../api/ami-policy.ts';
import { DAY_MS, type Image, type Target, type TargetKey, targetKey } from './model.ts';
import { disabledByUs } from './stages.ts';
import { isRestorable, readyImage, type Version } from './versions.ts';

/** How the rules see one version in one target. */
export type Standing =
  | { readonly kind: 'wanted' }
  | { readonly kind: 'retained'; readonly why: string }
  | { readonly kind: 'surplus'; readonly why: string };

/** What a policy wants where, decided once for a pass. */
export interface Standings {
  /** Targets that the spec names, in its order. */
  readonly targets: readonly Target[];
  /** Ids of wanted versions. */
  readonly wanted: ReadonlySet<string>;
  /** Whether the spec names a target. */
  names(target: Target): boolean;
  /** How a version stands in a target, also in one that the spec does not name. */
  of(version: Version, target: Target): Standing;
}

/** The targets that a spec names: the source account's regions, and those of each further account. */
export function targetsOf(spec: AmiPolicySpec): Target[] {
  const own = spec.regions.map(({ name }) => ({ account: spec.source.account, region: name }));
  const others = (spec.accounts ?? []).flatMap(({ id, regions }) =>
    (regions ?? spec.regions).map(({ name }) => ({ account: id, region: name })),
  );
  return [...own, ...others];
}

/** How many versions of each family are wanted. */
export const newestWanted = (spec: AmiPolicySpec): number => spec.source.newest ?? spec.retention?.keepNewest ?? 1;

/**
 * Wanted and retained are two things. Wanted are the newest versions of each family by source date, whatever targets
 * hold. Retained in a target is what is wanted, what is among the newest that are *ready there*, and what is young: so
 * nothing old leaves before its replacement is proven in that very target.
 * @param versions newest first
 * @param now milliseconds since the epoch
 */
export function standingsOf(spec: AmiPolicySpec, versions: readonly Version[], now: number): Standings {
  const targets = targetsOf(spec);
  const named = new Set(targets.map(targetKey));
  const source: Target = spec.source;
  const wanted = wantedIds(spec, versions);
  const newestReady = new Map<TargetKey, Set<string>>();

  const amongNewestReady = (version: Version, target: Target, keepNewest: number): boolean => {
    const key = targetKey(target);
    let kept = newestReady.get(key);
    if (!kept) {
      const ready = versions.filter(
        (each) => each.withdrawn === undefined && (readyImage(each, target, source) ?? isRestorable(each, target)),
      );
      kept = firstOfEachFamily(ready, keepNewest);
      newestReady.set(key, kept);
    }
    return kept.has(version.id);
  };

  return {
    targets,
    wanted,
    names: (target) => named.has(targetKey(target)),
    of: (version, target) => {
      if (version.withdrawn !== undefined) return { kind: 'surplus', why: `withdrawn: ${version.withdrawn}` };
      if (!named.has(targetKey(target))) return { kind: 'surplus', why: 'the policy no longer names this target' };
      if (wanted.has(version.id)) return { kind: 'wanted' };
      const rules = spec.retention;
      if (!rules) return { kind: 'retained', why: 'the policy has no retention' };
      if (rules.keepDays !== undefined && now - version.createdAt < rules.keepDays * DAY_MS) {
        return { kind: 'retained', why: `younger than ${rules.keepDays} days (keepDays)` };
      }
      if (amongNewestReady(version, target, rules.keepNewest)) {
        return { kind: 'retained', why: `among the newest ${rules.keepNewest} that are ready there (keepNewest)` };
      }
      return { kind: 'surplus', why: `older than the newest ${rules.keepNewest} of its family that are ready there` };
    },
  };
}

function wantedIds(spec: AmiPolicySpec, versions: readonly Version[]): Set<string> {
  const candidates = versions.filter((version) => version.withdrawn === undefined && canBeHad(version));
  const ids = firstOfEachFamily(candidates, newestWanted(spec));
  // What is pinned must be everywhere, however old it is.
  const pin = new Set(spec.publish?.pin);
  for (const { id, name } of candidates) if (pin.has(id) || pin.has(name)) ids.add(id);
  return ids;
}

/** A version whose source is gone and none of whose copies came to anything is nothing to wish for. */
function canBeHad(version: Version): boolean {
  const { source } = version;
  if (source.kind === 'usable' || (source.kind === 'unusable' && disabledByUs(source.image))) return true;
  return version.copies
    .values()
    .some((copies) =>
      copies.some(({ image }) => image.state === 'available' || image.state === 'pending' || disabledByUs(image)),
    );
}

function firstOfEachFamily(versions: readonly Version[], count: number): Set<string> {
  const taken = new Map<string, number>();
  const ids = new Set<string>();
  for (const version of versions) {
    const before = taken.get(version.family) ?? 0;
    if (before >= count) continue;
    taken.set(version.family, before + 1);
    ids.add(version.id);
  }
  return ids;
}

/** The volume sizes of an image added up, in GiB: what a full copy of it moves. */
export const sizeOf = (image: Image): number => image.volumes.reduce((sum, volume) => sum + volume.sizeGiB, 0);
