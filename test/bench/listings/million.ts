import type { Image, Tags } from '../../../src/policy/model.ts';
import { TAG } from '../../../src/policy/tags.ts';
import { imageItem, type Listing, PAGE, pageOf, snapshotItem } from './ec2-pages.ts';

export const ACCOUNT = '111122223333';
/** How many EC2 lets an account have in a region. */
export const IMAGES = 50_000;
/** The sources are in the first, and a copy of each is in all others: a million images in all. */
export const REGIONS = Array.from({ length: 20 }, (_, index) => `region-${index}`);

const hex = (number: number, length = 17): string => number.toString(16).padStart(length, '0');
/** Two digits for the target, then the version. */
const idOf = (target: string, version: number): string => `${target}${hex(version, 15)}`;
const SOURCE = '00';
/** Stands for the two digits of a target in what is written for all of them. */
const MARK = '@@';

/** As a builder names and tags its images: what is of one build alone is on the image and on every copy of it. */
function source(version: number): Image {
  const createdAt = Date.UTC(2024, 0, 1) + version * 600_000;
  return {
    id: `ami-${idOf(SOURCE, version)}`,
    name: `web-base-${new Date(createdAt).toISOString().slice(0, 10)}-${version}`,
    description: `Hardened base, release ${version}`,
    state: 'available',
    createdAt,
    architecture: 'x86_64',
    tags: { app: `app-${version % 100}`, release: 'stable', commit: hex(version * 7919, 40) },
    volumes: [{ snapshotId: `snap-${idOf(SOURCE, version)}`, sizeGiB: 8, encrypted: true }],
    protection: 'disabled',
  };
}

const copyTags = ({ id, name, createdAt, tags }: Image): Tags => ({
  ...tags,
  [TAG.policy]: 'platform/web',
  [TAG.policyUid]: '6f2b1a52-7f0d-4a37-9d55-0c1e8d5a9b11',
  [TAG.cluster]: '0d6b3f5e-1c2d-4e8f-9a7b-6c5d4e3f2a1b',
  [TAG.sourceImage]: id,
  [TAG.sourceRegion]: REGIONS[0] ?? '',
  [TAG.sourceAccount]: ACCOUNT,
  [TAG.sourceCreated]: new Date(createdAt).toISOString(),
  [TAG.sourceName]: name,
  [TAG.family]: `x86_64 app=${tags['app']}`,
  [TAG.origin]: id,
});

/** An image, or the snapshot of one, as EC2 tells of it. */
function itemOf(action: Listing, target: string, version: number): string {
  const original = source(version);
  const isSource = target === SOURCE;
  const tags = isSource ? original.tags : copyTags(original);
  const id = `ami-${idOf(target, version)}`;
  const snapshotId = `snap-${idOf(target, version)}`;
  if (action === 'DescribeSnapshots')
    return snapshotItem({
      id: snapshotId,
      state: 'completed',
      progress: 100,
      description: `Copied for DestinationAmi ${id} from SourceAmi ${original.id} for SourceSnapshot snap-${idOf(SOURCE, version)}. Task created on 1,780,000,000,000.`,
      tags,
      sizeGiB: 8,
      encrypted: true,
      kmsKeyId: `arn:aws:kms:${REGIONS[0]}:${ACCOUNT}:key/0d6b3f5e-1c2d-4e8f-9a7b-6c5d4e3f2a1b`,
      startedAt: original.createdAt,
    });
  const volumes = original.volumes.map((volume) => ({ ...volume, snapshotId }));
  return imageItem({ ...original, id, tags, volumes, ...(!isSource && { madeFrom: original.id }) });
}

/** Pages as they are for any target, in the pieces between which its digits stand. */
const written = new Map<string, readonly string[]>();

/** A page of a target, from the item of a number on. */
export function pageIn(action: Listing, target: number, from: number): string {
  const digits = target === 0 ? SOURCE : MARK;
  const key = `${action} ${digits} ${from}`;
  let pieces = written.get(key);
  if (!pieces) {
    // Snapshots of source images carry no tag of ours, and are not listed.
    const count = action === 'DescribeSnapshots' && target === 0 ? 0 : PAGE;
    const items = Array.from({ length: count }, (_, index) => itemOf(action, digits, from + index));
    const next = count > 0 && from + PAGE < IMAGES ? String(from + PAGE) : undefined;
    pieces = pageOf(action, items, next).split(MARK);
    written.set(key, pieces);
  }
  return pieces.join(hex(target, 2));
}
