import {
  CreateTagsCommand,
  DeleteTagsCommand,
  type LaunchPermission,
  ModifyImageAttributeCommand,
  ModifySnapshotAttributeCommand,
} from '@aws-sdk/client-ec2';
import { type LaunchGrants, NO_GRANTS } from '../policy/model.ts';
import type { Action, Call, CallOf } from '../policy/plan.ts';
import { adopt } from './adopt-call.ts';
import type { CallOptions } from './aws-clients.ts';
import { claim } from './claim-call.ts';
import { copy } from './copy-call.ts';
import { deleteSnapshot, deregister, disable } from './destructive-calls.ts';
import type { OpenTarget } from './inventories.ts';
import { deleteParameter, putParameter } from './parameters.ts';
import { sdkTags } from './sdk-tags.ts';
import { modifyStage } from './stage-calls.ts';
import { requestUsage } from './usage-reports.ts';

type Options = CallOptions & { readonly signal: AbortSignal };

/**
 * Makes the one AWS call of an action, and notes its effect in the inventory. Before what cannot be undone the image is
 * read once more; before a claim, too.
 * @param options its signal ends only the looks before the call and the waiting for its effect
 * @returns what is to be said of it beside its reason, such as until when it can be undone
 * @throws CalledOff when it must not be made any more
 * @throws AwsError when AWS refuses or cannot be reached
 */
export async function performCall(action: Action, open: OpenTarget, options: Options): Promise<string | undefined> {
  const { call } = action;
  switch (call.do) {
    case 'deregister':
      return await deregister(call, action.destroys, open, options);
    case 'deleteSnapshot':
      return await deleteSnapshot(call, open, options);
    default:
      await change(action, call, open, options);
      return undefined;
  }
}

async function change(
  action: Action,
  call: Exclude<Call, CallOf<'deregister' | 'deleteSnapshot'>>,
  open: OpenTarget,
  options: Options,
): Promise<void> {
  switch (call.do) {
    case 'copy':
      return await copy(call, open, options.signal);
    case 'adopt':
      return await adopt(call, open, options);
    case 'tag':
      return await tag(call, open);
    case 'untag':
      await open.ec2.send(
        new DeleteTagsCommand({ Resources: [...call.resources], Tags: call.keys.map((Key) => ({ Key })) }),
      );
      open.inventory.overlay.tagged(call.resources, Object.fromEntries(call.keys.map((key) => [key, undefined])));
      return undefined;
    case 'claim':
      return await claim(call, open, options);
    case 'modifyLaunch':
      return await modifyLaunch(call, open);
    case 'putParameter':
      return await putParameter(call, open, options);
    case 'deleteParameter':
      return await deleteParameter(call, open, options);
    case 'makePublic':
      return await makePublic(call, open);
    case 'modifyVolume':
      return await modifyVolume(call, open);
    case 'requestUsage':
      return await requestUsage(call, open);
    case 'deprecate':
    case 'restore':
    case 'protect':
      return await modifyStage(call, open);
    case 'disable':
      return await disable(call, action.destroys, open, options);
  }
}

// Mutating calls get no signal: one that is under way is finished, so that its effect is known.

async function tag(call: CallOf<'tag'>, { ec2, inventory }: OpenTarget): Promise<void> {
  await ec2.send(new CreateTagsCommand({ Resources: [...call.resources], Tags: sdkTags(call.tags) }));
  inventory.overlay.tagged(call.resources, call.tags);
}

async function modifyLaunch(call: CallOf<'modifyLaunch'>, { ec2, inventory }: OpenTarget): Promise<void> {
  const add = permissions({ ...call.add, public: false });
  const remove = permissions(call.remove);
  await ec2.send(
    new ModifyImageAttributeCommand({
      ImageId: call.imageId,
      LaunchPermission: { ...(add.length > 0 && { Add: add }), ...(remove.length > 0 && { Remove: remove }) },
    }),
  );
  inventory.overlay.launchChanged(call.imageId, call.add, call.remove);
}

/** The one place where an image is given to everybody. */
async function makePublic({ imageId }: CallOf<'makePublic'>, { ec2, inventory }: OpenTarget): Promise<void> {
  await ec2.send(new ModifyImageAttributeCommand({ ImageId: imageId, LaunchPermission: { Add: [{ Group: 'all' }] } }));
  inventory.overlay.launchChanged(imageId, { ...NO_GRANTS, public: true }, NO_GRANTS);
}

/** `Group: all` is only ever taken away here: giving everyone an image is a path of its own. */
function permissions(grants: LaunchGrants): LaunchPermission[] {
  return [
    ...grants.accounts.map((UserId) => ({ UserId })),
    ...grants.organizations.map((OrganizationArn) => ({ OrganizationArn })),
    ...grants.organizationalUnits.map((OrganizationalUnitArn) => ({ OrganizationalUnitArn })),
    ...(grants.public ? [{ Group: 'all' as const }] : []),
  ];
}

/** ec2-facts, section 3: permission changes of a snapshot in one request. */
const MOST_CHANGES = 500;

/** The flat form: emulators pass over the structured one without a word. */
async function modifyVolume(call: CallOf<'modifyVolume'>, { ec2, inventory }: OpenTarget): Promise<void> {
  for (const [operation, accounts] of [
    ['add', call.add],
    ['remove', call.remove],
  ] as const) {
    for (let from = 0; from < accounts.length; from += MOST_CHANGES) {
      await ec2.send(
        new ModifySnapshotAttributeCommand({
          SnapshotId: call.snapshotId,
          Attribute: 'createVolumePermission',
          OperationType: operation,
          UserIds: accounts.slice(from, from + MOST_CHANGES),
        }),
      );
    }
  }
  inventory.overlay.volumeChanged(call.snapshotId, call.add, call.remove);
}
