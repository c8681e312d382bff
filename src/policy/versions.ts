import type { AmiPolicySpec } from '../api/ami-policy.ts';
import { isUnder, keyIn } from './encryption.ts';
import { claimIn, type Owner, type Ownership } from './identity.ts';
import { append, indexOf } from './image-index.ts';
import {
  type Answer,
  type Image,
  type Inventory,
  listingKey,
  parseKey,
  type SharedListing,
  type Tags,
  type Target,
  type TargetKey,
  type TargetView,
  targetKey,
} from './model.ts';
import { familyOf, isExcluded, select } from './selection.ts';
import { ownerOfSources, sharedListing } from './shared-sources.ts';
import { candidatesFor } from './source-index.ts';
import { disabledByUs } from './stages.ts';
import { mayTravel, TAG, timeIn } from './tags.ts';
import { type Attempt, attemptIn } from './token.ts';

/** An image that was made for a (version, target) of this policy, or of the policy that it succeeds. */
export interface Copy {
  readonly image: Image;
  readonly target: Target;
  readonly attempt: Attempt;
  readonly ownership: Extract<Ownership, { kind: 'ours' | 'former' }>;
}

/** What became of the source image of a version. */
type SourceState =
  /** Available, and the selector takes it. */
  | { readonly kind: 'usable'; readonly image: Image }
  /** There, but not to be copied from now: pending, failed or disabled. */
  | { readonly kind: 'unusable'; readonly image: Image }
  /** There, and the selector does not take it, or excludes it. */
  | { readonly kind: 'unmatched'; readonly image: Image; readonly excluded: boolean }
  /** Not in a complete listing of the source. */
  | { readonly kind: 'gone' }
  /** The source could not be listed. */
  | { readonly kind: 'unknown' };

export interface Version {
  /** The id of the source image. */
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly createdAt: number;
  readonly architecture: string;
  readonly family: string;
  /** The values of the groupBy tags. */
  readonly group: Tags;
  readonly source: SourceState;
  /**
   * Whether the source image itself is the image of this version in its own account and region, where a copy is only
   * needed when it is not encrypted as the policy asks. Undefined while that is not known.
   */
  readonly servesAtHome: boolean | undefined;
  /** Taken back on purpose; undefined when it is not. */
  readonly withdrawn?: string;
  /** Copies by target, each list oldest first. */
  readonly copies: ReadonlyMap<TargetKey, readonly Copy[]>;
}

/** An image with the tags of a copy of this policy that EC2 says was made from something else: somebody's own. */
interface Lookalike {
  readonly image: Image;
  readonly target: Target;
}

export interface VersionSet {
  /** Newest first; equal dates by id, so that every pass sees the same order. */
  readonly versions: readonly Version[];
  readonly lookalikes: readonly Lookalike[];
  /** The images among which sources are looked for; undefined while they could not be listed. */
  readonly sources: ReadonlyMap<string, Image> | undefined;
  /** Where another account owns the sources: what is listed of it, and what came of that. */
  readonly shared?: {
    readonly listing: SharedListing;
    readonly answer: Answer<ReadonlyMap<string, Image>> | undefined;
  };
  /** Source images that match but cannot be used yet, or never: pending and failed ones. */
  readonly unready: readonly Image[];
}

export const foreignKey = (target: TargetKey, sourceImage: string): string => `${target} ${sourceImage}`;

/**
 * Joins source images and copies into versions. A version is there while its source is available and selected, or while
 * a copy of it is left: it outlives its source.
 */
export function versionsOf(spec: AmiPolicySpec, owner: Owner, targets: ReadonlyMap<TargetKey, TargetView>): VersionSet {
  const groupBy = spec.source.groupBy ?? [];
  const sourceView = targets.get(targetKey(owner.source));
  const found: Found = { copies: new Map(), lookalikes: [] };
  for (const [key, view] of targets) {
    if (view.kind === 'observed') collectCopies(key, view.inventory.images, owner, found);
  }
  const { copies, lookalikes } = found;

  const versions: Version[] = [];
  const unready: Image[] = [];
  const home = sourceView?.kind === 'observed' ? sourceView.inventory : undefined;
  const listing = sharedListing(spec, copies);
  const answer = listing && home?.sharedImages.get(listingKey(listing));
  const sources = listing ? (answer?.ok ? answer.value : undefined) : home?.images;
  for (const image of sources ? possibleSources(sources, copies, spec) : []) {
    if (image.state === 'deregistered') continue;
    const own = copies.get(image.id);
    const selection = select(image, spec.source.images);
    if (selection === 'selected' && image.state !== 'available') unready.push(image);
    const isSource = selection === 'selected' && image.state === 'available';
    if (!own && !isSource && !isLeaving(image, owner)) continue;
    const state = sourceState(image, selection);
    versions.push(withSource(image, state, servesAtHome(spec, owner, home, state), own ?? [], groupBy));
  }
  for (const [id, own] of copies) {
    const source = sources?.get(id);
    if (source && source.state !== 'deregistered') continue;
    versions.push(withoutSource(id, { kind: sources ? 'gone' : 'unknown' }, own, spec, groupBy));
  }
  versions.sort((left, right) => right.createdAt - left.createdAt || (left.id < right.id ? 1 : -1));
  unready.sort((left, right) => (left.id < right.id ? -1 : 1));
  lookalikes.sort((left, right) => (left.image.id < right.image.id ? -1 : 1));
  return { versions, lookalikes, unready, sources, ...(listing && { shared: { listing, answer } }) };
}

/** A source image that this policy is about to retire stays a version to its end. */
const isLeaving = ({ tags }: Image, owner: Owner): boolean =>
  tags[TAG.surplusSince] !== undefined && claimIn(tags[TAG.claimedBy], owner).kind === 'ours';

interface Found {
  readonly copies: Map<string, Copy[]>;
  readonly lookalikes: Lookalike[];
}

function collectCopies(
  key: TargetKey,
  images: ReadonlyMap<string, Image>,
  owner: Owner,
  { copies, lookalikes }: Found,
): void {
  const target = parseKey(key);
  for (const { item: image, ownership } of indexOf(images).ownedBy(owner)) {
    if (image.state === 'deregistered') continue;
    if (isLookalike(image)) lookalikes.push({ image, target });
    else {
      const copy: Copy = { image, target, attempt: attemptIn(image.tags[TAG.attempt]), ownership };
      append(copies, image.tags[TAG.sourceImage] ?? '', copy);
    }
  }
}

/** Every image that can be the source of a version, once: what the selector may take, what there are copies of, what leaves. */
function possibleSources(
  images: ReadonlyMap<string, Image>,
  copies: ReadonlyMap<string, unknown>,
  spec: AmiPolicySpec,
): ReadonlySet<Image> {
  const copied = [...copies.keys()].flatMap((id) => images.get(id) ?? []);
  return new Set([...candidatesFor(images, spec.source.images), ...copied, ...indexOf(images).claimed]);
}

/**
 * Whoever copies one of our copies with its tags, or makes an image of an instance of it, has an image that carries our
 * identity and is theirs. What EC2 recorded as its origin cannot be edited, and tells the two apart.
 */
function isLookalike({ madeFrom, tags }: Image): boolean {
  const origin = tags[TAG.origin];
  return madeFrom !== undefined && origin !== undefined && madeFrom !== origin;
}

function sourceState(image: Image, selection: ReturnType<typeof select>): SourceState {
  if (selection !== 'selected') return { kind: 'unmatched', image, excluded: selection === 'excluded' };
  return image.state === 'available' ? { kind: 'usable', image } : { kind: 'unusable', image };
}

function servesAtHome(
  spec: AmiPolicySpec,
  owner: Owner,
  home: Inventory | undefined,
  source: SourceState,
): boolean | undefined {
  if (source.kind !== 'usable' || ownerOfSources(spec) !== undefined) return false;
  const asked = keyIn(spec, owner.source, home);
  if (asked.kind === 'any') return true;
  if (asked.kind === 'asking') return undefined;
  // Why there can be no copy instead is said where it would be made.
  if (asked.kind === 'refused') return false;
  // What cannot be compared counts as right, as it does of copies.
  if (asked.arn === undefined) return source.image.volumes.every(({ encrypted }) => encrypted);
  return isUnder(home, source.image, asked.arn);
}

function withSource(
  image: Image,
  source: SourceState,
  serves: boolean | undefined,
  copies: readonly Copy[],
  groupBy: readonly string[],
): Version {
  const marked = copies.some((copy) => copy.image.tags[TAG.withdrawnSince] !== undefined);
  const withdrawn = withdrawal(source, marked);
  return {
    id: image.id,
    name: image.name,
    description: image.description,
    createdAt: image.createdAt,
    architecture: image.architecture,
    family: familyOf(image.architecture, image.tags, groupBy),
    group: groupOf(image.tags, groupBy),
    source,
    servesAtHome: serves,
    ...(withdrawn !== undefined && { withdrawn }),
    copies: byTarget(copies),
  };
}

/** A version whose source cannot be seen is known by what its copies carry. */
function withoutSource(
  id: string,
  source: SourceState,
  copies: readonly Copy[],
  spec: AmiPolicySpec,
  groupBy: readonly string[],
): Version {
  const witness = (copies.find((copy) => copy.image.state === 'available') ?? copies[0])?.image as Image;
  const name = witness.tags[TAG.sourceName] ?? witness.name;
  const marked = copies.some((copy) => copy.image.tags[TAG.withdrawnSince] !== undefined);
  const excluded = isExcluded(id, name, spec.source.images);
  const withdrawn = excluded ? 'it is excluded' : marked ? 'it was withdrawn before its source went' : undefined;
  // Copies carry the tags of the source unless the policy says otherwise; then what was written as the family stands.
  const regrouped =
    witness.architecture !== '' &&
    groupBy.every((key) => witness.tags[key] !== undefined && comesFromSource(key, spec.tags));
  return {
    id,
    name,
    description: witness.description,
    createdAt: timeIn(witness.tags, TAG.sourceCreated) ?? witness.createdAt,
    architecture: witness.architecture,
    family: regrouped
      ? familyOf(witness.architecture, witness.tags, groupBy)
      : (witness.tags[TAG.family] ?? familyOf(witness.architecture, witness.tags, groupBy)),
    group: groupOf(witness.tags, groupBy),
    source,
    servesAtHome: false,
    ...(withdrawn !== undefined && { withdrawn }),
    copies: byTarget(copies),
  };
}

const groupOf = (tags: Tags, groupBy: readonly string[]): Tags =>
  Object.fromEntries(groupBy.map((key) => [key, tags[key] ?? '']));

function comesFromSource(key: string, tags: AmiPolicySpec['tags']): boolean {
  if (tags?.fromSource === 'None' || tags?.exclude?.includes(key)) return false;
  return tags?.add?.[key] === undefined && mayTravel(key);
}

/**
 * Withdrawn is the opposite of gone: the source is there and is not wanted any more. Once written on a copy it stays
 * until the source is seen available and matching.
 */
function withdrawal(source: SourceState, marked: boolean): string | undefined {
  if (source.kind === 'unmatched')
    return source.excluded ? 'it is excluded' : 'its source no longer matches the selector';
  if (source.kind !== 'usable' && marked) return 'it was withdrawn and its source is not available';
  return undefined;
}

function byTarget(copies: readonly Copy[]): Map<TargetKey, readonly Copy[]> {
  const grouped = Map.groupBy(copies, (copy) => targetKey(copy.target));
  for (const list of grouped.values()) {
    list.sort((a, b) => a.image.createdAt - b.image.createdAt || (a.image.id < b.image.id ? -1 : 1));
  }
  return grouped;
}

/** The copies of a version in all targets. */
export function* copiesOf({ copies }: Version): Generator<Copy> {
  for (const list of copies.values()) yield* list;
}

/** The image of a version that can be launched in a target now: the source itself, or a copy that is available. */
export function readyImage(version: Version, target: Target, source: Target): Image | undefined {
  if (isSourceTarget(target, source) && version.servesAtHome && version.source.kind === 'usable')
    return version.source.image;
  return version.copies.get(targetKey(target))?.find((copy) => copy.image.state === 'available')?.image;
}

/** Whether a version is only not ready in a target because this policy has disabled its copy there. */
export function isRestorable(version: Version, target: Target): boolean {
  return version.copies.get(targetKey(target))?.some(({ image }) => disabledByUs(image)) ?? false;
}

export function isSourceTarget(target: Target, source: Target): boolean {
  return target.account === source.account && target.region === source.region;
}
