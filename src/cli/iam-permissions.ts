/** A statement of an IAM policy, without its actions. `arn:aws` stands for the partition. */
export interface Grant {
  /**
   * `read`: changes nothing. `write`: left out for accounts that are read-only. `identity`: for the controller itself. `adopt`:
   * for `adoption: Matching`. The others go with what an AwsAccount must allow by name.
   */
  readonly kind: 'read' | 'write' | 'identity' | 'public' | 'retireSources' | 'adopt';
  readonly resources: readonly string[];
  readonly condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

const IMAGES = 'arn:aws:ec2:*::image/*';
const REPORTS = 'arn:aws:ec2:*:*:image-usage-report/*';
const PARAMETERS = 'arn:aws:ssm:*:*:parameter/*';
const SNAPSHOTS = 'arn:aws:ec2:*::snapshot/*';
/** What a copy and its snapshots carry from the moment they are made: nothing else is ever deleted. */
const OURS = { Null: { 'aws:ResourceTag/amifleet.io/policy-uid': 'false' } };
const NOT_PUBLIC = { StringNotEquals: { 'ec2:Add/group': 'all' } };
/** A key is used by EC2 only, on our behalf. Whether it may be, its own policy says as well. */
const BY_EC2 = { 'kms:ViaService': 'ec2.*.amazonaws.com' };

/** The statements by their Sid. */
export const GRANTS = {
  Read: { kind: 'read', resources: ['*'] },
  // EC2 asks the other services with the rights of the caller. What it must not read makes the evidence unknown.
  ReadReferences: {
    kind: 'read',
    resources: ['*'],
    condition: { 'ForAnyValue:StringEquals': { 'aws:CalledVia': ['ec2-images.amazonaws.com'] } },
  },
  // On the source image and its snapshots, too, and so without a condition on tags.
  Copy: { kind: 'write', resources: [IMAGES, SNAPSHOTS] },
  // A copy without its identity cannot be made.
  TagNewCopies: {
    kind: 'write',
    resources: [IMAGES, SNAPSHOTS],
    condition: {
      StringEquals: { 'ec2:CreateAction': 'CopyImage' },
      Null: { 'aws:RequestTag/amifleet.io/policy-uid': 'false' },
    },
  },
  TagCopies: { kind: 'write', resources: [IMAGES, SNAPSHOTS], condition: OURS },
  // A source is claimed, and marked while it is opened for another account; its other tags are not ours to write.
  MarkSources: {
    kind: 'write',
    resources: [IMAGES],
    condition: {
      'ForAllValues:StringLike': { 'aws:TagKeys': ['amifleet.io/claimed-by', 'amifleet.io/temp-grant-*'] },
      Null: { 'aws:TagKeys': 'false' },
    },
  },
  // Sources are shared as well. They carry the claim by then, but tags reach IAM late.
  ShareImages: { kind: 'write', resources: [IMAGES], condition: NOT_PUBLIC },
  SharePublicly: { kind: 'public', resources: [IMAGES], condition: { StringEquals: { 'ec2:Add/group': 'all' } } },
  // Which names, only the owner of the account can say: narrow it to yours.
  Publish: { kind: 'write', resources: [PARAMETERS] },
  Unpublish: {
    kind: 'write',
    resources: [PARAMETERS],
    condition: { Null: { 'aws:ResourceTag/amifleet.io/policy-uid': 'false' } },
  },
  ShareSnapshots: { kind: 'write', resources: [SNAPSHOTS], condition: NOT_PUBLIC },
  ReportUse: { kind: 'write', resources: [IMAGES, REPORTS] },
  RetireCopies: { kind: 'write', resources: [IMAGES], condition: OURS },
  // A source image that was claimed: nothing of a source goes before that.
  RetireSources: {
    kind: 'retireSources',
    resources: [IMAGES],
    condition: { Null: { 'aws:ResourceTag/amifleet.io/claimed-by': 'false' } },
  },
  // The snapshots of a source carry no tag of ours, and are deleted by the one that this gives them.
  MarkSourceSnapshots: {
    kind: 'retireSources',
    resources: [SNAPSHOTS],
    condition: { Null: { 'aws:RequestTag/amifleet.io/policy-uid': 'false' } },
  },
  // What somebody else made carries nothing of ours yet; this gives it the identity of a copy.
  Adopt: {
    kind: 'adopt',
    resources: [IMAGES, SNAPSHOTS],
    condition: { Null: { 'aws:RequestTag/amifleet.io/policy-uid': 'false' } },
  },
  DeleteCopies: { kind: 'write', resources: [IMAGES, SNAPSHOTS], condition: OURS },
  UseKeys: { kind: 'write', resources: ['*'], condition: { StringLike: BY_EC2 } },
  GrantKeys: {
    kind: 'write',
    resources: ['*'],
    condition: { StringLike: BY_EC2, Bool: { 'kms:GrantIsForAWSResource': 'true' } },
  },
  AssumeRoles: { kind: 'identity', resources: ['arn:aws:iam::*:role/amifleet'] },
} as const satisfies Record<string, Grant>;

export type Sid = keyof typeof GRANTS;

/** What IAM must allow for each command of the SDK that src/ sends: by statement, the actions. A test compares. */
export const PERMISSIONS: Readonly<Record<string, Partial<Readonly<Record<Sid, readonly string[]>>>>> = {
  AssumeRoleCommand: { AssumeRoles: ['sts:AssumeRole'] },
  // Nobody can be kept from asking who he is.
  GetCallerIdentityCommand: {},
  DescribeRegionsCommand: { Read: ['ec2:DescribeRegions'] },
  DescribeImagesCommand: { Read: ['ec2:DescribeImages'] },
  DescribeImageAttributeCommand: { Read: ['ec2:DescribeImageAttribute'] },
  DescribeSnapshotsCommand: { Read: ['ec2:DescribeSnapshots'] },
  DescribeSnapshotAttributeCommand: { Read: ['ec2:DescribeSnapshotAttribute'] },
  ListImagesInRecycleBinCommand: { Read: ['ec2:ListImagesInRecycleBin'] },
  ListSnapshotsInRecycleBinCommand: { Read: ['ec2:ListSnapshotsInRecycleBin'] },
  DescribeLockedSnapshotsCommand: { Read: ['ec2:DescribeLockedSnapshots'] },
  // As AmazonEC2ImageReferencesAccessPolicy of AWS has it.
  DescribeImageReferencesCommand: {
    Read: ['ec2:DescribeImageReferences'],
    ReadReferences: [
      'ec2:DescribeInstances',
      'ec2:DescribeLaunchTemplates',
      'ec2:DescribeLaunchTemplateVersions',
      'ssm:DescribeParameters',
      'ssm:GetParameters',
      'imagebuilder:ListImageRecipes',
      'imagebuilder:ListContainerRecipes',
      'imagebuilder:GetContainerRecipe',
    ],
  },
  GetParameterCommand: { Read: ['ssm:GetParameter'] },
  DescribeParametersCommand: { Read: ['ssm:DescribeParameters'] },
  // SSM looks at the image with the rights of the caller before it takes its id.
  PutParameterCommand: { Publish: ['ssm:PutParameter', 'ssm:AddTagsToResource'], Read: ['ec2:DescribeImages'] },
  AddTagsToResourceCommand: { Publish: ['ssm:AddTagsToResource'] },
  DeleteParameterCommand: { Unpublish: ['ssm:DeleteParameter'] },
  GetImageBlockPublicAccessStateCommand: { Read: ['ec2:GetImageBlockPublicAccessState'] },
  GetAllowedImagesSettingsCommand: { Read: ['ec2:GetAllowedImagesSettings'] },
  GetEbsEncryptionByDefaultCommand: { Read: ['ec2:GetEbsEncryptionByDefault'] },
  GetEbsDefaultKmsKeyIdCommand: { Read: ['ec2:GetEbsDefaultKmsKeyId'] },
  DescribeKeyCommand: { Read: ['kms:DescribeKey'] },
  DescribeImageUsageReportsCommand: { Read: ['ec2:DescribeImageUsageReports'] },
  DescribeImageUsageReportEntriesCommand: { Read: ['ec2:DescribeImageUsageReportEntries'] },
  CreateImageUsageReportCommand: { ReportUse: ['ec2:CreateImageUsageReport'] },
  CopyImageCommand: {
    Copy: ['ec2:CopyImage'],
    TagNewCopies: ['ec2:CreateTags'],
    // Of a source that is encrypted, or into a region that encrypts by default.
    UseKeys: [
      'kms:DescribeKey',
      'kms:Decrypt',
      'kms:GenerateDataKeyWithoutPlaintext',
      'kms:ReEncryptFrom',
      'kms:ReEncryptTo',
    ],
    GrantKeys: ['kms:CreateGrant'],
  },
  CreateTagsCommand: {
    TagCopies: ['ec2:CreateTags'],
    MarkSources: ['ec2:CreateTags'],
    RetireSources: ['ec2:CreateTags'],
    MarkSourceSnapshots: ['ec2:CreateTags'],
    Adopt: ['ec2:CreateTags'],
  },
  DeleteTagsCommand: {
    TagCopies: ['ec2:DeleteTags'],
    MarkSources: ['ec2:DeleteTags'],
    RetireSources: ['ec2:DeleteTags'],
  },
  ModifyImageAttributeCommand: {
    ShareImages: ['ec2:ModifyImageAttribute'],
    SharePublicly: ['ec2:ModifyImageAttribute'],
  },
  ModifySnapshotAttributeCommand: { ShareSnapshots: ['ec2:ModifySnapshotAttribute'] },
  EnableImageDeprecationCommand: {
    RetireCopies: ['ec2:EnableImageDeprecation'],
    RetireSources: ['ec2:EnableImageDeprecation'],
  },
  DisableImageDeprecationCommand: {
    RetireCopies: ['ec2:DisableImageDeprecation'],
    RetireSources: ['ec2:DisableImageDeprecation'],
  },
  DisableImageCommand: { RetireCopies: ['ec2:DisableImage'], RetireSources: ['ec2:DisableImage'] },
  EnableImageCommand: { RetireCopies: ['ec2:EnableImage'], RetireSources: ['ec2:EnableImage'] },
  EnableImageDeregistrationProtectionCommand: { RetireCopies: ['ec2:EnableImageDeregistrationProtection'] },
  DisableImageDeregistrationProtectionCommand: { RetireCopies: ['ec2:DisableImageDeregistrationProtection'] },
  // With DeleteAssociatedSnapshots EC2 deletes the snapshots with the rights of the caller.
  DeregisterImageCommand: {
    DeleteCopies: ['ec2:DeregisterImage', 'ec2:DeleteSnapshot'],
    RetireSources: ['ec2:DeregisterImage'],
  },
  DeleteSnapshotCommand: { DeleteCopies: ['ec2:DeleteSnapshot'] },
};
