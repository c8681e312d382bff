import { type Target, targetKey } from './model.ts';
import { inventoryOf, type Pass, type Rival } from './pass.ts';
import { familyOf, select } from './selection.ts';
import { newestWanted, targetsOf } from './standing.ts';
import type { Version } from './versions.ts';

/**
 * The older policy of this cluster that wants the same version in the same target, if there is one. Copies that exist
 * decide by themselves whose they are; this decides before there is one, and in every pass the same: by age, then UID.
 */
export function precedingRival(pass: Pass, version: Version, target: Target): Rival | undefined {
  return pass.rivals.find(
    (rival) => precedes(rival, pass) && names(rival, target) && wantedBy(rival, pass).has(version.id),
  );
}

function precedes(rival: Rival, pass: Pass): boolean {
  if (rival.createdAt !== pass.createdAt) return rival.createdAt < pass.createdAt;
  return rival.owner.uid < pass.owner.uid;
}

const names = (rival: Rival, target: Target): boolean =>
  targetsOf(rival.spec).some((other) => targetKey(other) === targetKey(target));

const wantedByRival = new WeakMap<Pass, Map<string, ReadonlySet<string>>>();

/** Which source images a rival wants, as far as its sources tell. */
function wantedBy(rival: Rival, pass: Pass): ReadonlySet<string> {
  const known = wantedByRival.get(pass) ?? new Map<string, ReadonlySet<string>>();
  wantedByRival.set(pass, known);
  let ids = known.get(rival.owner.uid);
  if (!ids) {
    const groupBy = rival.spec.source.groupBy ?? [];
    const images = [...(inventoryOf(pass, pass.owner.source)?.images.values() ?? [])]
      .filter((image) => image.state === 'available' && select(image, rival.spec.source.images) === 'selected')
      .sort((left, right) => right.createdAt - left.createdAt || (left.id < right.id ? 1 : -1));
    const families = Map.groupBy(images, (image) => familyOf(image.architecture, image.tags, groupBy));
    ids = new Set(
      families
        .values()
        .flatMap((family) => family.slice(0, newestWanted(rival.spec)))
        .map(({ id }) => id),
    );
    known.set(rival.owner.uid, ids);
  }
  return ids;
}
