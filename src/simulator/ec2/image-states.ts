import { type Call, DONE, type Operation } from './call.ts';
import { ownImage } from './describe-images.ts';
import { Refusal } from './refusal.ts';
import { NOBODY, type SimImage } from './world.ts';

const put = (call: Call, image: SimImage): void => call.world.putImage(image);

export const deregisterImage: Operation = {
  parameters: ['ImageId', 'DeleteAssociatedSnapshots', 'DryRun'],
  mutates: true,
  run(call) {
    const image = ownImage(call, call.query.required('ImageId'));
    if (image.protection !== 'disabled') {
      throw new Refusal(
        'OperationNotPermitted',
        `Image ${image.id} is protected against deregistration: its deregistration protection is ${image.protection}.`,
      );
    }
    const now = call.world.now();
    if (call.place.binDays !== undefined && image.state !== 'pending' && image.state !== 'failed') {
      call.place.bin.set(image.id, { image, enteredAt: now });
    }
    put(call, { ...image, state: 'deregistered', permissions: NOBODY, deregisteredAt: now });
    const results = call.query.flag('DeleteAssociatedSnapshots')
      ? image.volumes.map(({ snapshotId }) => ({ snapshotId, returnCode: deleteWith(call, snapshotId, image.id) }))
      : undefined;
    return { ...DONE, deleteSnapshotResultSet: results };
  },
};

function deleteWith(call: Call, snapshotId: string, imageId: string): string {
  const used = [...call.place.images.values()].some(
    (other) =>
      other.id !== imageId &&
      other.state !== 'deregistered' &&
      other.volumes.some((volume) => volume.snapshotId === snapshotId),
  );
  const snapshot = call.place.snapshots.get(snapshotId);
  if (used || !snapshot) return 'skipped';
  call.world.putSnapshot({ ...snapshot, deleted: true });
  return 'success';
}

export const disableImage: Operation = {
  parameters: ['ImageId', 'DryRun'],
  mutates: true,
  run(call) {
    const image = ownImage(call, call.query.required('ImageId'));
    if (image.state !== 'available' && image.state !== 'disabled') throw notNow(image);
    put(call, { ...image, state: 'disabled', permissions: NOBODY });
    return DONE;
  },
};

export const enableImage: Operation = {
  parameters: ['ImageId', 'DryRun'],
  mutates: true,
  run(call) {
    const image = ownImage(call, call.query.required('ImageId'));
    if (image.state !== 'available' && image.state !== 'disabled') throw notNow(image);
    put(call, { ...image, state: 'available' });
    return DONE;
  },
};

const MINUTE_MS = 60_000;
const TEN_YEARS_MS = 3653 * 86_400_000;

export const enableImageDeprecation: Operation = {
  parameters: ['ImageId', 'DeprecateAt', 'DryRun'],
  mutates: true,
  run(call) {
    const image = ownImage(call, call.query.required('ImageId'));
    const at = Date.parse(call.query.required('DeprecateAt'));
    if (Number.isNaN(at)) throw new Refusal('InvalidParameterValue', 'DeprecateAt is not a timestamp');
    if (at < call.world.now() - MINUTE_MS)
      throw new Refusal('InvalidParameterValue', 'The deprecation time must be in the future');
    if (at > call.world.now() + TEN_YEARS_MS)
      throw new Refusal('InvalidParameterValue', 'The deprecation time is too far in the future');
    put(call, { ...image, deprecationTime: Math.round(at / MINUTE_MS) * MINUTE_MS });
    return DONE;
  },
};

export const disableImageDeprecation: Operation = {
  parameters: ['ImageId', 'DryRun'],
  mutates: true,
  run(call) {
    const { deprecationTime: _, ...image } = ownImage(call, call.query.required('ImageId'));
    put(call, image);
    return DONE;
  },
};

export const enableProtection: Operation = {
  parameters: ['ImageId', 'WithCooldown', 'DryRun'],
  mutates: true,
  run(call) {
    const image = ownImage(call, call.query.required('ImageId'));
    const protection = call.query.flag('WithCooldown') ? 'enabled-with-cooldown' : 'enabled-without-cooldown';
    put(call, { ...image, protection });
    return { return: protection };
  },
};

export const disableProtection: Operation = {
  parameters: ['ImageId', 'DryRun'],
  mutates: true,
  run(call) {
    const image = ownImage(call, call.query.required('ImageId'));
    const cooling = image.protection === 'enabled-with-cooldown';
    const protection = cooling ? `disabled after ${new Date(call.world.now() + 86_400_000).toISOString()}` : 'disabled';
    put(call, { ...image, protection });
    return { return: protection };
  },
};

function notNow(image: SimImage): Refusal {
  return new Refusal(
    'InvalidAMIID.Unavailable',
    `The AMI ID '${image.id}' is currently ${image.state} and may not be used for this operation`,
  );
}

/** What may still be restored. */
export const listImagesInRecycleBin: Operation = {
  parameters: ['ImageId', 'MaxResults', 'NextToken', 'DryRun'],
  mutates: false,
  run(call) {
    const wanted = new Set(call.query.list('ImageId'));
    const { ids, nextToken } = call.paging.page(
      'ListImagesInRecycleBin',
      call.query,
      () => [...call.place.bin.keys()].filter((id) => wanted.size === 0 || wanted.has(id)),
      [1, 1000],
    );
    const entries = ids.flatMap((id) => {
      const entry = call.place.bin.get(id);
      if (!entry) return [];
      const exit = entry.enteredAt + (call.place.binDays ?? 0) * 86_400_000;
      return [
        {
          imageId: id,
          name: entry.image.name,
          recycleBinEnterTime: new Date(entry.enteredAt).toISOString(),
          recycleBinExitTime: new Date(exit).toISOString(),
        },
      ];
    });
    return { imageSet: entries, nextToken };
  },
};

export const restoreImage: Operation = {
  parameters: ['ImageId', 'DryRun'],
  mutates: true,
  run(call) {
    const id = call.query.required('ImageId');
    const entry = call.place.bin.get(id);
    if (!entry) throw new Refusal('InvalidAMIID.NotFound', `The image id '[${id}]' does not exist in the Recycle Bin`);
    call.place.bin.delete(id);
    put(call, { ...entry.image, state: 'available' });
    return DONE;
  },
};
