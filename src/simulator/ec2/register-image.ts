import type { Call, Operation } from './call.ts';
import { checkImageName } from './image-names.ts';
import { checkImageQuota } from './image-quota.ts';
import { type Query, tagSpecifications } from './query.ts';
import { Refusal, snapshotNotFound } from './refusal.ts';
import { checkSnapshotId, mayUse } from './snapshot-access.ts';
import { NOBODY, type SimImage, type SimVolume } from './world.ts';

const ARCHITECTURES: ReadonlySet<string> = new Set(['i386', 'x86_64', 'arm64', 'x86_64_mac', 'arm64_mac']);

/** An image from snapshots: how a new release appears without a builder. */
export const registerImage: Operation = {
  parameters: [
    'Name',
    'Description',
    'Architecture',
    'RootDeviceName',
    'BlockDeviceMapping',
    'VirtualizationType',
    'EnaSupport',
    'BootMode',
    'ImdsSupport',
    'TagSpecification',
    'DryRun',
  ],
  mutates: true,
  run(call) {
    const { query, place, world } = call;
    const name = query.required('Name');
    checkImageName(name);
    // A name is free again only once it is seen that its image is gone.
    const isThere = (image: SimImage | undefined): boolean => image !== undefined && image.state !== 'deregistered';
    const taken = [...place.images.values()].find(
      (image) => image.name === name && (isThere(image) || isThere(world.seenImage(image.id))),
    );
    if (taken) throw new Refusal('InvalidAMIName.Duplicate', `AMI name ${name} is already in use by AMI ${taken.id}`);
    const architecture = query.get('Architecture') ?? 'i386';
    if (!ARCHITECTURES.has(architecture)) throw invalid('architecture', architecture);
    const virtualization = query.get('VirtualizationType') ?? 'paravirtual';
    if (virtualization !== 'hvm' && virtualization !== 'paravirtual')
      throw invalid('virtualizationType', virtualization);
    const imds = query.get('ImdsSupport');
    if (imds !== undefined && imds !== 'v2.0') throw invalid('imdsSupport', imds);
    const bootMode = query.get('BootMode');
    const volumes = query.structures('BlockDeviceMapping').map((mapping) => volumeOf(call, mapping));
    if (volumes.length === 0) throw new Refusal('MissingParameter', 'The request must contain a root device');
    const root = query.get('RootDeviceName') ?? volumes[0]?.device;
    const first = volumes.find(({ device }) => device === root);
    if (!first)
      throw new Refusal('InvalidBlockDeviceMapping', `The root device ${root} is not among the block device mappings`);
    const tags = tagSpecifications(query, ['image']).get('image') ?? {};
    checkImageQuota(call);
    const id = world.id(place, 'ami');
    world.putImage({
      id,
      account: place.account,
      region: place.region,
      name,
      description: query.get('Description') ?? '',
      state: 'available',
      createdAt: Math.floor(world.now() / 1000) * 1000,
      architecture,
      virtualization,
      tags,
      permissions: NOBODY,
      volumes: [first, ...volumes.filter((volume) => volume !== first)],
      protection: 'disabled',
      productCodes: [],
      ...(imds !== undefined && { imdsSupport: imds }),
      ...(bootMode !== undefined && { bootMode }),
    });
    return { imageId: id };
  },
};

const invalid = (parameter: string, given: string): Refusal =>
  new Refusal('InvalidParameterValue', `Value (${given}) for parameter ${parameter} is invalid.`);

function volumeOf({ place, world }: Call, mapping: Query): SimVolume {
  const ebs = mapping.structure('Ebs');
  const snapshotId = ebs.required('SnapshotId');
  checkSnapshotId(snapshotId);
  if (ebs.get('Encrypted') !== undefined)
    throw new Refusal('InvalidParameterCombination', 'The parameter Encrypted cannot be used with a snapshot');
  const snapshot = world.findSnapshot(snapshotId, place.region);
  if (!snapshot || snapshot.deleted || !world.seenSnapshot(snapshotId) || !mayUse(snapshot, place.account))
    throw snapshotNotFound(snapshotId);
  if (snapshot.state !== 'completed')
    throw new Refusal('IncorrectState', `The snapshot ${snapshotId} is not in the completed state.`);
  const sizeGiB = Number(ebs.get('VolumeSize') ?? snapshot.sizeGiB);
  if (!(sizeGiB >= snapshot.sizeGiB))
    throw new Refusal(
      'InvalidBlockDeviceMapping',
      `Volume of size ${sizeGiB}GB is smaller than snapshot '${snapshotId}', expect size >= ${snapshot.sizeGiB}GB`,
    );
  const { encrypted, kmsKeyId } = snapshot;
  const device = mapping.required('DeviceName');
  return { device, snapshotId, sizeGiB, encrypted, ...(kmsKeyId !== undefined && { kmsKeyId }) };
}
