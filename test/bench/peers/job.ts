import { HOME, type Moto, type SeedImage, tagsOf } from '../../moto/moto-server.ts';

const DAY_MS = 86_400_000;

export const SOURCE_REGION = 'us-east-1';
export const COPY_REGIONS = ['eu-west-1', 'us-west-2'];
export const REGIONS = [SOURCE_REGION, ...COPY_REGIONS];
export const FRIENDS = ['111122223333', '222233334444'];
/** The tags by which images are picked, and which their copies carry. */
export const TAGS = { app: 'web', team: 'platform' };
export const KEEP_DAYS = 90;
/** So many images are younger than that, and so many older. */
export const YOUNG = 20;
export const OLD = 20;

/** The fleet as the job finds it: everything in the source region, nothing copied and nothing shared. */
export function fleet(now: number): SeedImage[] {
  return Array.from({ length: YOUNG + OLD }, (_, index) => ({
    account: HOME,
    region: SOURCE_REGION,
    id: `ami-${String(index).padStart(17, '0')}`,
    name: `web-${String(index).padStart(2, '0')}`,
    created: new Date(now - (index < YOUNG ? index + 1 : KEEP_DAYS + index) * DAY_MS).toISOString(),
    tags: TAGS,
  }));
}

/** What each tool must have made of it. */
export interface Standing {
  /** Of the images that were to be in a region: those that are there, carry the tags and are shared as asked. */
  readonly right: number;
  /** Images that are there and should not be. */
  readonly surplus: number;
  /** Images of one name beyond the first. */
  readonly duplicates: number;
  /** Snapshots that no image uses. */
  readonly orphans: number;
}

/** Looks at moto itself, past the proxy. */
export async function standing(moto: Moto): Promise<Standing> {
  let [right, surplus, duplicates, orphans] = [0, 0, 0, 0];
  for (const region of REGIONS) {
    const images = await moto.images(region);
    const names = new Set<string>();
    const used = new Set(
      images.flatMap(({ BlockDeviceMappings = [] }) => BlockDeviceMappings.map(({ Ebs }) => Ebs?.SnapshotId)),
    );
    for (const { Name = '', ImageId = '', Tags } of images) {
      if (names.has(Name)) duplicates++;
      else if (Number(Name.slice(4)) >= YOUNG) surplus++;
      else if (
        Object.entries(TAGS).every(([key, value]) => tagsOf(Tags)[key] === value) &&
        (await moto.sharedWith(ImageId, region)).join() === FRIENDS.join()
      )
        right++;
      names.add(Name);
    }
    orphans += (await moto.snapshots(region)).filter(({ SnapshotId }) => !used.has(SnapshotId)).length;
  }
  return { right, surplus, duplicates, orphans };
}

export const isRight = ({ right, surplus, duplicates, orphans }: Standing): boolean =>
  right === YOUNG * REGIONS.length && surplus + duplicates + orphans === 0;
