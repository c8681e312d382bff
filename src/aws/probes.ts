import {
  CopyImageCommand,
  CreateImageUsageReportCommand,
  CreateTagsCommand,
  DeleteSnapshotCommand,
  DeleteTagsCommand,
  DeregisterImageCommand,
  DescribeImageReferencesCommand,
  DescribeRegionsCommand,
  DisableImageCommand,
  DisableImageDeprecationCommand,
  DisableImageDeregistrationProtectionCommand,
  EnableImageCommand,
  EnableImageDeprecationCommand,
  EnableImageDeregistrationProtectionCommand,
  ModifyImageAttributeCommand,
  ModifySnapshotAttributeCommand,
} from '@aws-sdk/client-ec2';
import type { ImageProbe, Permission, Probe } from '../policy/probe.ts';
import { TAG } from '../policy/tags.ts';
import type { CallOptions, ServiceApi } from './aws-clients.ts';
import { AwsError } from './aws-error.ts';
import type { SdkCommand } from './sdk-command.ts';
import { sdkTags } from './sdk-tags.ts';

/** Every probe is made here, and nowhere else: whatever it asks, EC2 must not do it. */
const DryRun = true;

/**
 * Whether an endpoint keeps to DryRun as EC2 does, by a call that would do no harm if it did not. One that does not is never asked
 * anything that changes.
 * @throws AwsError where that is not known
 */
export async function keepsToDryRuns(ec2: ServiceApi, options: CallOptions): Promise<boolean> {
  try {
    await ec2.send(new DescribeRegionsCommand({ DryRun }), options);
    return false;
  } catch (error) {
    if (error instanceof AwsError && error.code === DONE_DRY) return true;
    if (error instanceof AwsError && error.class === 'unsupported') return false;
    throw error;
  }
}

/** Asks EC2 whether a call would be allowed. Success is an error, and so is a refusal; any other proves nothing. */
export async function readPermission(ec2: ServiceApi, probe: Probe, options: CallOptions): Promise<Permission> {
  try {
    await ec2.send(commandOf(probe, ec2.target.account), options);
    return { kind: 'unproven' };
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!(error instanceof AwsError)) return { kind: 'unproven' };
    if (error.code === DONE_DRY) return { kind: 'allowed' };
    return error.code === DENIED ? denial(error.message, probe.action) : { kind: 'unproven' };
  }
}

/** ec2-facts, section 10.4. */
const DONE_DRY = 'DryRunOperation';
const DENIED = 'UnauthorizedOperation';

/** As EC2 words it: `User: ARN is not authorized to perform: ACTION on resource: ARN because …`. */
function denial(text: string, asked: string): Permission {
  const [, user, action] = /User: (\S+) is not authorized to perform: (\S+)/.exec(text) ?? [];
  const why = /\b(because no .+? allows the \S+ action|with an explicit deny in .+? policy)/.exec(text)?.[1];
  const role = /:assumed-role\/([^/\s]+)/.exec(user ?? '')?.[1];
  const who = role === undefined ? user : `role ${role}`;
  return {
    kind: 'denied',
    action: action ?? `ec2:${asked}`,
    ...(who !== undefined && { who }),
    why: why ?? 'without a reason from AWS',
  };
}

/** What is asked changes nothing even where it would be carried out, as far as there is such a form of it. */
function commandOf(probe: Probe, account: string): Command {
  switch (probe.action) {
    case 'CopyImage': {
      const Tags = sdkTags(probe.tags);
      return new CopyImageCommand({
        DryRun,
        SourceImageId: probe.origin.imageId,
        SourceRegion: probe.origin.region,
        Name: probe.name,
        TagSpecifications: [
          { ResourceType: 'image', Tags },
          { ResourceType: 'snapshot', Tags },
        ],
      });
    }
    case 'DeleteSnapshot':
      return new DeleteSnapshotCommand({ DryRun, SnapshotId: probe.snapshotId });
    case 'ModifySnapshotAttribute':
      return new ModifySnapshotAttributeCommand({
        DryRun,
        SnapshotId: probe.snapshotId,
        Attribute: 'createVolumePermission',
        OperationType: 'remove',
        UserIds: [account],
      });
    default:
      return imageCommand(probe, account);
  }
}

type Command = SdkCommand<object, object>;

function imageCommand(probe: Extract<Probe, { readonly imageId: string }>, account: string): Command {
  const { imageId } = probe;
  switch (probe.action) {
    case 'CreateTags':
      return new CreateTagsCommand({ DryRun, Resources: [imageId], Tags: sdkTags(probe.tags) });
    case 'DeleteTags': {
      // With a value that no image has. Of either kind of image this is a tag that we may take off.
      const Key = probe.of === 'source' ? TAG.claimedBy : TAG.surplusSince;
      return new DeleteTagsCommand({ DryRun, Resources: [imageId], Tags: [{ Key, Value: 'dry run' }] });
    }
    case 'EnableImageDeprecation':
      return new EnableImageDeprecationCommand({ DryRun, ImageId: imageId, DeprecateAt: new Date(probe.at) });
    default:
      return PLAIN[probe.action](imageId, account);
  }
}

const PLAIN: Readonly<Record<ImageProbe, (ImageId: string, account: string) => Command>> = {
  CreateImageUsageReport: (ImageId) =>
    new CreateImageUsageReportCommand({ DryRun, ImageId, ResourceTypes: [{ ResourceType: 'ec2:Instance' }] }),
  DeregisterImage: (ImageId) => new DeregisterImageCommand({ DryRun, ImageId }),
  DescribeImageReferences: (ImageId) =>
    new DescribeImageReferencesCommand({ DryRun, ImageIds: [ImageId], IncludeAllResourceTypes: true }),
  DisableImage: (ImageId) => new DisableImageCommand({ DryRun, ImageId }),
  DisableImageDeprecation: (ImageId) => new DisableImageDeprecationCommand({ DryRun, ImageId }),
  DisableImageDeregistrationProtection: (ImageId) =>
    new DisableImageDeregistrationProtectionCommand({ DryRun, ImageId }),
  EnableImage: (ImageId) => new EnableImageCommand({ DryRun, ImageId }),
  EnableImageDeregistrationProtection: (ImageId) =>
    new EnableImageDeregistrationProtectionCommand({ DryRun, ImageId, WithCooldown: false }),
  ModifyImageAttribute: (ImageId, account) =>
    new ModifyImageAttributeCommand({ DryRun, ImageId, LaunchPermission: { Remove: [{ UserId: account }] } }),
};
