import { getAllowedImagesSettings } from './allowed-images.ts';
import type { Operation } from './call.ts';
import { cancelImageLaunchPermission } from './cancel-launch-permission.ts';
import { copyImage } from './copy-image.ts';
import { copySnapshot } from './copy-snapshot.ts';
import { deleteSnapshot } from './delete-snapshot.ts';
import { deregisterImage } from './deregister-image.ts';
import { describeImageAttribute } from './describe-image-attribute.ts';
import { describeImages } from './describe-images.ts';
import { describeInstances } from './describe-instances.ts';
import { describeRegions } from './describe-regions.ts';
import { describeSnapshots } from './describe-snapshots.ts';
import { getDefaultKey, getEncryptionByDefault } from './encryption-defaults.ts';
import { getImageAncestry } from './image-ancestry.ts';
import { describeImageReferences } from './image-references.ts';
import * as states from './image-states.ts';
import { describeLaunchTemplates, describeLaunchTemplateVersions } from './launch-templates.ts';
import { modifyImageAttribute, resetImageAttribute } from './modify-image-attribute.ts';
import * as publicAccess from './public-access.ts';
import * as bin from './recycle-bin.ts';
import { registerImage } from './register-image.ts';
import * as locks from './snapshot-locks.ts';
import { describeSnapshotAttribute, modifySnapshotAttribute, resetSnapshotAttribute } from './snapshot-permissions.ts';
import { modifySnapshotTier, restoreSnapshotTier } from './snapshot-tier.ts';
import { createTags, deleteTags, describeTags } from './tags.ts';
import * as usageReports from './usage-reports.ts';

/** Every operation of EC2 that the simulator has. */
export const OPERATIONS: Readonly<Record<string, Operation>> = {
  CancelImageLaunchPermission: cancelImageLaunchPermission,
  CopyImage: copyImage,
  CopySnapshot: copySnapshot,
  CreateImageUsageReport: usageReports.createImageUsageReport,
  CreateTags: createTags,
  DeleteImageUsageReport: usageReports.deleteImageUsageReport,
  DeleteSnapshot: deleteSnapshot,
  DeleteTags: deleteTags,
  DeregisterImage: deregisterImage,
  DescribeImageAttribute: describeImageAttribute,
  DescribeImageReferences: describeImageReferences,
  DescribeImageUsageReportEntries: usageReports.describeImageUsageReportEntries,
  DescribeImageUsageReports: usageReports.describeImageUsageReports,
  DescribeImages: describeImages,
  DescribeInstances: describeInstances,
  DescribeLaunchTemplates: describeLaunchTemplates,
  DescribeLaunchTemplateVersions: describeLaunchTemplateVersions,
  DescribeLockedSnapshots: locks.describeLockedSnapshots,
  DescribeRegions: describeRegions,
  DescribeSnapshotAttribute: describeSnapshotAttribute,
  DescribeSnapshots: describeSnapshots,
  DescribeTags: describeTags,
  DisableImage: states.disableImage,
  DisableImageBlockPublicAccess: publicAccess.disableImageBlockPublicAccess,
  DisableImageDeprecation: states.disableImageDeprecation,
  DisableImageDeregistrationProtection: states.disableProtection,
  EnableImage: states.enableImage,
  EnableImageBlockPublicAccess: publicAccess.enableImageBlockPublicAccess,
  EnableImageDeprecation: states.enableImageDeprecation,
  EnableImageDeregistrationProtection: states.enableProtection,
  GetAllowedImagesSettings: getAllowedImagesSettings,
  GetEbsDefaultKmsKeyId: getDefaultKey,
  GetEbsEncryptionByDefault: getEncryptionByDefault,
  GetImageAncestry: getImageAncestry,
  GetImageBlockPublicAccessState: publicAccess.getImageBlockPublicAccessState,
  ListImagesInRecycleBin: bin.listImagesInRecycleBin,
  ListSnapshotsInRecycleBin: bin.listSnapshotsInRecycleBin,
  LockSnapshot: locks.lockSnapshot,
  ModifyImageAttribute: modifyImageAttribute,
  ModifySnapshotAttribute: modifySnapshotAttribute,
  ModifySnapshotTier: modifySnapshotTier,
  RegisterImage: registerImage,
  ResetImageAttribute: resetImageAttribute,
  ResetSnapshotAttribute: resetSnapshotAttribute,
  RestoreImageFromRecycleBin: bin.restoreImageFromRecycleBin,
  RestoreSnapshotFromRecycleBin: bin.restoreSnapshotFromRecycleBin,
  RestoreSnapshotTier: restoreSnapshotTier,
  UnlockSnapshot: locks.unlockSnapshot,
};
