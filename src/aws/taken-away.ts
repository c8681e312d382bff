import {
  DeleteSnapshotCommand,
  DeleteTagsCommand,
  DeregisterImageCommand,
  DisableImageCommand,
  DisableImageDeregistrationProtectionCommand,
  type LaunchPermission,
  ModifyImageAttributeCommand,
  ModifySnapshotAttributeCommand,
} from '@aws-sdk/client-ec2';
import { DeleteParameterCommand } from '@aws-sdk/client-ssm';

/** The AWS actions that take something away, or may. */
export const DESTRUCTIVE_CALLS = [
  'DeregisterImage',
  'DisableImage',
  'DisableImageDeregistrationProtection',
  'DeleteSnapshot',
  'DeleteParameter',
  'DeleteTags',
  'ModifyImageAttribute',
  'ModifySnapshotAttribute',
] as const;

/** What a call takes away. */
export interface TakenAway {
  readonly call: (typeof DESTRUCTIVE_CALLS)[number];
  /** The images, snapshots or parameters that it is about. */
  readonly resources: readonly string[];
  /** The grantees that lose them, or the keys of the tags that go; undefined: the resource itself goes. */
  readonly parts?: readonly string[];
}

/**
 * What the call of a command takes from somebody, or undefined when it only gives. Judged by the command alone, whatever
 * it is part of, so that a call can be destructive by no other way than this list.
 */
export function takenAwayBy(command: object): TakenAway | undefined {
  if (command instanceof DeregisterImageCommand)
    return { call: 'DeregisterImage', resources: named(command.input.ImageId) };
  if (command instanceof DisableImageCommand) return { call: 'DisableImage', resources: named(command.input.ImageId) };
  if (command instanceof DisableImageDeregistrationProtectionCommand)
    return { call: 'DisableImageDeregistrationProtection', resources: named(command.input.ImageId) };
  if (command instanceof DeleteSnapshotCommand)
    return { call: 'DeleteSnapshot', resources: named(command.input.SnapshotId) };
  if (command instanceof DeleteParameterCommand)
    return { call: 'DeleteParameter', resources: named(command.input.Name) };
  if (command instanceof DeleteTagsCommand) {
    const { Resources = [], Tags = [] } = command.input;
    return { call: 'DeleteTags', resources: Resources, parts: Tags.flatMap(({ Key }) => named(Key)) };
  }
  if (command instanceof ModifyImageAttributeCommand) {
    const { ImageId, LaunchPermission: permission } = command.input;
    const parts = (permission?.Remove ?? []).flatMap(granteeOf);
    return parts.length > 0 ? { call: 'ModifyImageAttribute', resources: named(ImageId), parts } : undefined;
  }
  if (command instanceof ModifySnapshotAttributeCommand) {
    const { SnapshotId, OperationType, UserIds = [] } = command.input;
    return OperationType === 'remove'
      ? { call: 'ModifySnapshotAttribute', resources: named(SnapshotId), parts: UserIds }
      : undefined;
  }
  return undefined;
}

const named = (name: string | undefined): string[] => (name === undefined ? [] : [name]);

const granteeOf = ({ UserId, Group, OrganizationArn, OrganizationalUnitArn }: LaunchPermission): string[] =>
  named(UserId ?? Group ?? OrganizationArn ?? OrganizationalUnitArn);
