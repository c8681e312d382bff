import * as reads from './account-reads.ts';
import type { Operation } from './call.ts';
import { copyImage, registerImage } from './copy-image.ts';
import { describeImages } from './describe-images.ts';
import * as states from './image-states.ts';
import * as permissions from './launch-permissions.ts';
import * as snapshots from './snapshots.ts';
import * as tags from './tags.ts';

/** Every operation of EC2 that the simulator has. */
export const OPERATIONS: Readonly<Record<string, Operation>> = {
  CopyImage: copyImage,
  CreateTags: tags.createTags,
  DeleteSnapshot: snapshots.deleteSnapshot,
  DeleteTags: tags.deleteTags,
  DeregisterImage: states.deregisterImage,
  DescribeImageAttribute: permissions.describeImageAttribute,
  DescribeImageReferences: reads.describeImageReferences,
  DescribeImages: describeImages,
  DescribeInstances: reads.describeInstances,
  DescribeLaunchTemplates: reads.describeLaunchTemplates,
  DescribeLaunchTemplateVersions: reads.describeLaunchTemplateVersions,
  DescribeRegions: reads.describeRegions,
  DescribeSnapshotAttribute: snapshots.describeSnapshotAttribute,
  DescribeSnapshots: snapshots.describeSnapshots,
  DescribeTags: tags.describeTags,
  DisableImage: states.disableImage,
  DisableImageDeprecation: states.disableImageDeprecation,
  DisableImageDeregistrationProtection: states.disableProtection,
  EnableImage: states.enableImage,
  EnableImageDeprecation: states.enableImageDeprecation,
  EnableImageDeregistrationProtection: states.enableProtection,
  GetEbsDefaultKmsKeyId: reads.getDefaultKey,
  GetEbsEncryptionByDefault: reads.getEncryptionByDefault,
  ListImagesInRecycleBin: states.listImagesInRecycleBin,
  ModifyImageAttribute: permissions.modifyImageAttribute,
  ModifySnapshotAttribute: snapshots.modifySnapshotAttribute,
  RegisterImage: registerImage,
  ResetImageAttribute: permissions.resetImageAttribute,
  RestoreImageFromRecycleBin: states.restoreImage,
};
