import { DAY_MS, type Image, listingKey, type Target, type TargetKey, targetKey } from './model.ts';
import { inventoryOf, type Pass, type Rival } from './pass.ts';
import { familyOf, select } from './selection.ts';
import { ownerOfSources, sharedListing } from './shared-sources.ts';
import { newestWanted, targetsOf } from './standing.ts';
import type { Version } from './versions.ts';

/**
 * The older policy of this cluster that wants the same version in the same target, if there is one. Copies that exist
 * decide by themselves whose they are; this decides before there is one, and in every pass the same: by age, then UID.
 */
export function precedingRival(pass: Pass, version: Version, target: Target): Rival | undefined {
  const key = targetKey(target);
  return rivalsBefore(pass).find(({ targets, wanted }) => targets.has(key) && wanted().has(version.id))?.rival;
}

/**
 * Another policy of this cluster, whatever its age, that has a source image for one that it wants or may retain. Without
 * retention it lets nothing go.
 */
export function userOfSource(pass: Pass, image: Image): Rival | undefined {
  return pass.rivals.find((rival) => {
    if (ownerOfSources(rival.spec) !== undefined || select(image, rival.spec.source.images) !== 'selected')
      return false;
    const { retention } = rival.spec;
    if (!retention) return true;
    const days = retention.keepDays;
    if (days !== undefined && pass.now - image.createdAt < days * DAY_MS) return true;
    return newestOf(rival, pass, Math.max(newestWanted(rival.spec), retention.keepNewest)).has(image.id);
  });
}

interface Claims {
  readonly rival: Rival;
  readonly targets: ReadonlySet<TargetKey>;
  readonly wanted: () => ReadonlySet<string>;
}

const known = new WeakMap<Pass, readonly Claims[]>();

/** The rivals that come first, the oldest first. */
function rivalsBefore(pass: Pass): readonly Claims[] {
  let claims = known.get(pass);
  if (!claims) {
    claims = pass.rivals
      .filter((rival) => precedes(rival, pass))
      .toSorted((left, right) => (precedes(left, right) ? -1 : 1))
      .map((rival) => {
        let wanted: ReadonlySet<string> | undefined;
        return {
          rival,
          targets: new Set(targetsOf(rival.spec).map(targetKey)),
          wanted: () => (wanted ??= wantedBy(rival, pass)),
        };
      });
    known.set(pass, claims);
  }
  return claims;
}

function precedes(left: Pick<Rival, 'createdAt' | 'owner'>, right: Pick<Rival, 'createdAt' | 'owner'>): boolean {
  if (left.createdAt !== right.createdAt) return left.createdAt < right.createdAt;
  return left.owner.uid < right.owner.uid;
}

/** Which source images a rival wants, as far as its sources tell; none where they belong to another account than ours. */
const wantedBy = (rival: Rival, pass: Pass): ReadonlySet<string> => newestOf(rival, pass, newestWanted(rival.spec));

function newestOf(rival: Rival, pass: Pass, newest: number): ReadonlySet<string> {
  if (ownerOfSources(rival.spec) !== ownerOfSources(pass.spec)) return new Set();
  const groupBy = rival.spec.source.groupBy ?? [];
  const images = [...(sourcesOf(rival, pass)?.values() ?? [])]
    .filter((image) => image.state === 'available' && select(image, rival.spec.source.images) === 'selected')
    .sort((left, right) => right.createdAt - left.createdAt || (left.id < right.id ? 1 : -1));
  const families = Map.groupBy(images, (image) => familyOf(image.architecture, image.tags, groupBy));
  return new Set([...families.values()].flatMap((family) => family.slice(0, newest).map(({ id }) => id)));
}

/** Images of another account are listed by selector: which are the newest, only the rival's own listing tells. */
function sourcesOf({ spec }: Rival, pass: Pass): ReadonlyMap<string, Image> | undefined {
  const listing = sharedListing(spec, new Map());
  if (!listing) return pass.set.sources;
  const answer = inventoryOf(pass, pass.owner.source)?.sharedImages.get(listingKey(listing));
  if (!answer) pass.draft.need({ kind: 'sharedImages', target: pass.owner.source, listing });
  return answer?.ok ? answer.value : pass.set.sources;
}
