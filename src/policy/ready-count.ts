import { type Target, type TargetKey, targetKey } from './model.ts';
import type { Pass } from './pass.ts';
import type { Copy, Version } from './versions.ts';

interface ReadyThere {
  /** Versions of the family that are ready in the target, withdrawn ones among them. */
  count: number;
  /** The newest of them that is not withdrawn. */
  newestId?: string;
}

/** What is ready of each family, and where, as it would be after what this plan removes. */
export class ReadyCount {
  readonly #pass: Pass;
  /** By family, then target. */
  readonly #there = new Map<string, Map<TargetKey, ReadyThere>>();
  readonly #everywhere = new Map<string, number>();
  /** Usable images of a version in a target, where a removal has changed their number. */
  readonly #left = new Map<string, number>();

  constructor(pass: Pass) {
    this.#pass = pass;
    const source = targetKey(pass.owner.source);
    // Newest first: the first that is found in a target is the newest there.
    for (const version of pass.set.versions) {
      const keys = new Set(version.copies.keys());
      if (version.servesAtHome) keys.add(source);
      for (const key of keys) this.#count(version, key, usableImages(version, key, source));
    }
  }

  #count({ id, family, withdrawn }: Version, key: TargetKey, usable: number): void {
    if (usable === 0) return;
    this.#everywhere.set(family, this.everywhere(family) + usable);
    const targets = this.#there.get(family) ?? new Map<TargetKey, ReadyThere>();
    this.#there.set(family, targets);
    const there = targets.get(key) ?? { count: 0 };
    targets.set(key, there);
    there.count++;
    if (withdrawn === undefined) there.newestId ??= id;
  }

  there(family: string, target: Target): Readonly<ReadyThere> {
    return this.#there.get(family)?.get(targetKey(target)) ?? { count: 0 };
  }

  /** How many usable images of a family there are, sources included. */
  everywhere(family: string): number {
    return this.#everywhere.get(family) ?? 0;
  }

  /** Whether a version that is not withdrawn is ready in a target that the spec names. */
  hasCurrent(family: string): boolean {
    const targets = this.#there.get(family);
    return this.#pass.standings.targets.some((target) => targets?.get(targetKey(target))?.newestId !== undefined);
  }

  /** Whether a version has one usable image in a target and no more. */
  isLastThere(version: Version, target: Target): boolean {
    return this.#leftOf(version, targetKey(target)) <= 1;
  }

  #leftOf(version: Version, key: TargetKey): number {
    const source = targetKey(this.#pass.owner.source);
    return this.#left.get(`${version.id} ${key}`) ?? usableImages(version, key, source);
  }

  /** A copy goes. */
  remove(version: Version, { image, target }: Copy): void {
    if (image.state !== 'available') return;
    const key = targetKey(target);
    const left = this.#leftOf(version, key) - 1;
    this.#left.set(`${version.id} ${key}`, left);
    this.#everywhere.set(version.family, this.everywhere(version.family) - 1);
    const there = this.#there.get(version.family)?.get(key);
    if (there && left === 0) there.count--;
  }
}

function usableImages(version: Version, key: TargetKey, source: TargetKey): number {
  const copies = version.copies.get(key)?.filter(({ image }) => image.state === 'available').length ?? 0;
  return copies + (key === source && version.servesAtHome ? 1 : 0);
}
