import type { AmiPolicySpec } from '../../src/api/ami-policy.ts';
import { DAY_MS, type Image, type LaunchGrants, type Target, targetKey } from '../../src/policy/model.ts';
import type { Action } from '../../src/policy/plan.ts';
import { TAG } from '../../src/policy/tags.ts';
import { OWNER, SOURCE, type World } from './world.ts';

/**
 * The rules once more, as plainly as they can be written, from the contract and without a look at the planner. Slow, and
 * only for small worlds.
 */

export function matchesSlowly(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  const [first, rest] = [pattern[0], pattern.slice(1)];
  if (first === '*') return matchesSlowly(rest, text) || (text !== '' && matchesSlowly(pattern, text.slice(1)));
  if (first === '?') return matchesSlowly(rest, text) || (text !== '' && matchesSlowly(rest, text.slice(1)));
  if (first === '\\' && rest !== '') return text[0] === rest[0] && matchesSlowly(rest.slice(1), text.slice(1));
  return text[0] === first && matchesSlowly(rest, text.slice(1));
}

interface Known {
  readonly id: string;
  readonly family: string;
  readonly createdAt: number;
  readonly withdrawn: boolean;
  /** There is, or there soon will be, an image to copy from. */
  readonly obtainable: boolean;
  readonly readyIn: (target: Target) => boolean;
}

export const isOurs = ({ tags, madeFrom }: Pick<Image, 'tags' | 'madeFrom'>): boolean =>
  tags[TAG.policyUid] === OWNER.uid &&
  tags[TAG.cluster] === OWNER.cluster &&
  tags[TAG.sourceAccount] === SOURCE.account &&
  tags[TAG.sourceRegion] === SOURCE.region &&
  (madeFrom === undefined || tags[TAG.origin] === undefined || tags[TAG.origin] === madeFrom);

/** Of this policy, or of the one of the same name that it succeeds. */
const isOfPolicy = (image: Image): boolean =>
  isOurs({ ...image, tags: { ...image.tags, ...(isFormer(image) && { [TAG.policyUid]: OWNER.uid }) } });

const isFormer = ({ tags }: Image): boolean => tags[TAG.policy] === `${OWNER.namespace}/${OWNER.name}`;

/** Every copy of the policy with its place. */
export function copiesIn(world: World): { readonly key: string; readonly image: Image }[] {
  return [...world.places].flatMap(([key, { images, unavailable }]) =>
    unavailable ? [] : [...images.values()].filter(isOfPolicy).map((image) => ({ key, image })),
  );
}

/** Versions of the policy. Only for selectors of names and exclusions, as the random worlds have them. */
export function versionsIn(world: World, spec: AmiPolicySpec): Known[] {
  const { names = [], exclude = [] } = spec.source.images;
  const copies = copiesIn(world);
  const sources = [...world.place(SOURCE).images.values()].filter(({ tags }) => tags[TAG.sourceImage] === undefined);
  const known = new Set([...sources.map(({ id }) => id), ...copies.map(({ image }) => image.tags[TAG.sourceImage]!)]);
  return [...known].flatMap((id) => {
    const own = copies.filter(({ image }) => image.tags[TAG.sourceImage] === id);
    const source = sources.find((image) => image.id === id);
    const like = source ?? own.find(({ image }) => image.state === 'available')?.image ?? own[0]!.image;
    const name = source?.name ?? like.tags[TAG.sourceName]!;
    const excluded = exclude.includes(id) || exclude.includes(name);
    const matches = source !== undefined && !excluded && names.some((pattern) => matchesSlowly(pattern, source.name));
    const usable = matches && source.state === 'available';
    if (own.length === 0 && !usable) return [];
    const marked = own.some(({ image }) => image.tags[TAG.withdrawnSince] !== undefined);
    const groups = (spec.source.groupBy ?? []).toSorted().map((key) => `${key}=${like.tags[key] ?? ''}`);
    const available = own.filter(({ image }) => image.state === 'available');
    return [
      {
        id,
        family: [like.architecture, ...groups].join(' '),
        createdAt: source?.createdAt ?? Date.parse(like.tags[TAG.sourceCreated]!),
        withdrawn: source ? !matches || (!usable && marked) : excluded || marked,
        obtainable: usable || own.some(({ image }) => image.state === 'available' || image.state === 'pending'),
        readyIn: (target) =>
          (usable && targetKey(target) === targetKey(SOURCE)) || available.some(({ key }) => key === targetKey(target)),
      },
    ];
  });
}

const newestFirst = (left: Known, right: Known): number =>
  right.createdAt - left.createdAt || (left.id < right.id ? 1 : -1);

function newestOfFamilies(versions: readonly Known[], count: number): Set<string> {
  const families = new Set(versions.map(({ family }) => family));
  return new Set(
    [...families].flatMap((name) =>
      versions
        .filter(({ family }) => family === name)
        .toSorted(newestFirst)
        .slice(0, count)
        .map(({ id }) => id),
    ),
  );
}

export function wantedIn(world: World, spec: AmiPolicySpec): Set<string> {
  const candidates = versionsIn(world, spec).filter(({ withdrawn, obtainable }) => !withdrawn && obtainable);
  return newestOfFamilies(candidates, spec.source.newest ?? spec.retention?.keepNewest ?? 1);
}

export function targetsNamed(spec: AmiPolicySpec): Target[] {
  const places = [{ id: spec.source.account, regions: spec.regions }, ...(spec.accounts ?? [])];
  return places.flatMap(({ id, regions }) =>
    (regions ?? spec.regions).map(({ name }) => ({ account: id, region: name })),
  );
}

/** Ids of the versions that the rules keep in a target. */
export function keptIn(world: World, spec: AmiPolicySpec, target: Target): Set<string> {
  if (!targetsNamed(spec).some((each) => targetKey(each) === targetKey(target))) return new Set();
  const current = versionsIn(world, spec).filter(({ withdrawn }) => !withdrawn);
  const wanted = wantedIn(world, spec);
  const { keepDays = 0, keepNewest = 1 } = spec.retention ?? {};
  const newest = newestOfFamilies(
    current.filter(({ readyIn }) => readyIn(target)),
    keepNewest,
  );
  return new Set(
    current
      .filter(
        ({ id, createdAt }) =>
          !spec.retention || wanted.has(id) || newest.has(id) || world.now - createdAt < keepDays * DAY_MS,
      )
      .map(({ id }) => id),
  );
}

export const granteesOf = (grants: LaunchGrants): string[] =>
  [
    ...grants.accounts,
    ...grants.organizations,
    ...grants.organizationalUnits,
    ...(grants.public ? ['public'] : []),
  ].toSorted();

/** Who must be able to launch the images of an account, and who must not, beside temporary grants. */
export function granteesWanted(spec: AmiPolicySpec, account: string): string[] {
  const { accounts = [], organizations = [], organizationalUnits = [] } = spec.sharing ?? {};
  return [...accounts.filter((id) => id !== account), ...organizations, ...organizationalUnits].toSorted();
}

/** What is ready in a target, by family: ids of versions, newest first. */
export function readyByFamily(world: World, spec: AmiPolicySpec, target: Target): Map<string, Known[]> {
  const ready = versionsIn(world, spec).filter(({ readyIn }) => readyIn(target));
  return Map.groupBy(ready.toSorted(newestFirst), ({ family }) => family);
}

/** How many usable images each family has anywhere. */
export function usableByFamily(world: World, spec: AmiPolicySpec): Map<string, number> {
  const counts = new Map<string, number>();
  const usable = copiesIn(world).filter(({ image }) => image.state === 'available');
  for (const version of versionsIn(world, spec)) {
    const own = usable.filter(({ image }) => image.tags[TAG.sourceImage] === version.id).length;
    const source = world.image(SOURCE, version.id);
    const ofSource = source?.state === 'available' && !version.withdrawn ? 1 : 0;
    counts.set(version.family, (counts.get(version.family) ?? 0) + own + ofSource);
  }
  return counts;
}

export const removedBy = (actions: readonly Action[]): Set<string> =>
  new Set(actions.flatMap(({ call }) => (call.do === 'deregister' ? [call.imageId] : [])));
