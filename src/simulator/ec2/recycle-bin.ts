import { type Call, DONE, iso, type Operation, paged } from './call.ts';
import { checkImageId } from './image-access.ts';
import { imageNotFound, Refusal, snapshotNotFound } from './refusal.ts';
import { checkSnapshotId } from './snapshot-access.ts';

const DAY_MS = 86_400_000;
const MAX_IDS = 20;

function idsOf({ query }: Call, parameter: 'ImageId' | 'SnapshotId', check: (id: string) => void): string[] {
  const wanted = query.list(parameter);
  if (wanted.length > MAX_IDS)
    throw new Refusal('InvalidParameterValue', `At most ${MAX_IDS} IDs can be given in one request`);
  for (const id of wanted) check(id);
  return wanted;
}

/** The images that may still be restored. */
export const listImagesInRecycleBin: Operation = {
  parameters: ['ImageId', 'MaxResults', 'NextToken', 'DryRun'],
  mutates: false,
  run(call) {
    const { bin, binDays = 0 } = call.place;
    const wanted = idsOf(call, 'ImageId', checkImageId);
    const { items, nextToken } = paged(
      call,
      { least: 1, most: 1000, above: 'refused' },
      () => [...bin.values()].filter(({ image }) => wanted.length === 0 || wanted.includes(image.id)),
      ({ image }) => image.id,
      (id) => bin.get(id),
    );
    return {
      imageSet: items.map(({ image, enteredAt }) => ({
        imageId: image.id,
        name: image.name,
        description: image.description,
        recycleBinEnterTime: iso(enteredAt),
        recycleBinExitTime: iso(enteredAt + binDays * DAY_MS),
      })),
      nextToken,
    };
  },
};

/** An image comes back as it was, its permissions included, if its snapshots are still there. */
export const restoreImageFromRecycleBin: Operation = {
  parameters: ['ImageId', 'DryRun'],
  mutates: true,
  run({ query, place, world }) {
    const id = query.required('ImageId');
    checkImageId(id);
    const entry = place.bin.get(id);
    if (!entry) throw imageNotFound([id]);
    const gone = entry.image.volumes.find(({ snapshotId }) => place.snapshots.get(snapshotId)?.deleted !== false);
    if (gone) throw snapshotNotFound(gone.snapshotId);
    place.bin.delete(id);
    world.putImage({ ...entry.image, state: 'available' });
    return DONE;
  },
};

/** The snapshots that may still be restored. */
export const listSnapshotsInRecycleBin: Operation = {
  parameters: ['SnapshotId', 'MaxResults', 'NextToken', 'DryRun'],
  mutates: false,
  run(call) {
    const { snapshotBin, snapshotBinDays = 0 } = call.place;
    const wanted = idsOf(call, 'SnapshotId', checkSnapshotId);
    const { items, nextToken } = paged(
      call,
      { least: 5, most: 1000, above: 'refused' },
      () => [...snapshotBin.values()].filter(({ snapshot }) => wanted.length === 0 || wanted.includes(snapshot.id)),
      ({ snapshot }) => snapshot.id,
      (id) => snapshotBin.get(id),
    );
    return {
      snapshotSet: items.map(({ snapshot, enteredAt }) => ({
        snapshotId: snapshot.id,
        description: snapshot.description,
        recycleBinEnterTime: iso(enteredAt),
        recycleBinExitTime: iso(enteredAt + snapshotBinDays * DAY_MS),
      })),
      nextToken,
    };
  },
};

export const restoreSnapshotFromRecycleBin: Operation = {
  parameters: ['SnapshotId', 'DryRun'],
  mutates: true,
  run({ query, place, world }) {
    const id = query.required('SnapshotId');
    checkSnapshotId(id);
    const entry = place.snapshotBin.get(id);
    if (!entry) throw snapshotNotFound(id);
    place.snapshotBin.delete(id);
    world.putSnapshot({ ...entry.snapshot, deleted: false });
    return { snapshotId: id, status: entry.snapshot.state };
  },
};
