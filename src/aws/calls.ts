import {
  CopyImageCommand,
  CreateTagsCommand,
  DeleteSnapshotCommand,
  DeleteTagsCommand,
  DeregisterImageCommand,
  type LaunchPermission,
  ModifyImageAttributeCommand,
  ModifySnapshotAttributeCommand,
  type Tag,
} from '@aws-sdk/client-ec2';
import { sleep } from '../ambient/clock.ts';
import type { Image, LaunchGrants, Tags } from '../policy/model.ts';
import type { Action, Call, Destruction } from '../policy/plan.ts';
import { describe, isNothing } from '../policy/sharing.ts';
import { TAG } from '../policy/tags.ts';
import type { CallOptions } from './aws-clients.ts';
import { AwsError } from './aws-error.ts';
import type { OpenTarget } from './inventories.ts';
import { describeImages, describeSnapshots } from './listing.ts';

/** An action that was not carried out because the world is no longer as it was planned for. */
export class CalledOff extends Error {
  override readonly name = 'CalledOff';
  readonly code: string;
  readonly effect: 'retries' | 'keeps';

  constructor(code: string, message: string, effect: 'retries' | 'keeps' = 'retries') {
    super(message);
    this.code = code;
    this.effect = effect;
  }
}

/**
 * Makes the one AWS call of an action, and notes its effect in the inventory. Before what cannot be undone the image is
 * read once more; before a claim, too.
 * @throws CalledOff when it must not be made any more
 * @throws AwsError when AWS refuses or cannot be reached
 */
export async function performCall(action: Action, open: OpenTarget, stop: AbortSignal): Promise<void> {
  const { call } = action;
  const options: CallOptions = { signal: stop };
  switch (call.do) {
    case 'copy':
      return await copy(call, open, stop);
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
    case 'modifyVolume':
      return await modifyVolume(call, open);
    case 'deregister':
      return await deregister(call, action.destroys, open, options);
    case 'deleteSnapshot':
      return await deleteSnapshot(call, open, options);
  }
}

type CallOf<K extends Call['do']> = Extract<Call, { do: K }>;

// Mutating calls get no signal: one that is under way is finished, so that its effect is known.

const GRANT_SETTLES_MS = 1500;
const GRANT_LOOKS = 5;

async function copy(call: CallOf<'copy'>, open: OpenTarget, stop: AbortSignal): Promise<void> {
  const { inventory } = open;
  try {
    const id = await sendCopy(call, open, stop);
    if (!id) throw new CalledOff('NoImageId', 'CopyImage answered without an image id; it is asked for again');
    inventory.overlay.created(pendingImage(id, call), call.attempt);
  } catch (error) {
    if (error instanceof AwsError && error.class === 'mismatch') {
      throw new CalledOff(
        'CopyAlreadySent',
        'EC2 knows this copy with other parameters, so it was sent before; waiting until it is visible',
      );
    }
    throw error;
  }
}

/**
 * Asks for a copy. One from another account may meet a permission that was given a moment ago and is not effective yet:
 * that is waited for here, because a whole pass that fails and lists everything again would only be dearer.
 */
async function sendCopy(
  call: CallOf<'copy'>,
  { ec2, clock }: OpenTarget,
  stop: AbortSignal,
): Promise<string | undefined> {
  const tags = sdkTags(call.tags);
  const command = new CopyImageCommand({
    SourceImageId: call.origin.imageId,
    SourceRegion: call.origin.region,
    Name: call.name,
    // EC2 takes an empty description for none; sent or not, a repeated request must be the same.
    ...(call.description !== '' && { Description: call.description }),
    ClientToken: call.token,
    TagSpecifications: [
      { ResourceType: 'image', Tags: tags },
      { ResourceType: 'snapshot', Tags: tags },
    ],
  });
  for (let look = 1; ; look++) {
    try {
      return (await ec2.send(command)).ImageId;
    } catch (error) {
      const isForeign = call.origin.account !== ec2.target.account;
      if (!isForeign || look >= GRANT_LOOKS || stop.aborted || !mayBeForWantOfAGrant(error)) throw error;
      await sleep(clock, GRANT_SETTLES_MS * look, stop);
    }
  }
}

/** As EC2 answers who may not launch an image, or not read its snapshots (ec2-facts 5.1). */
const mayBeForWantOfAGrant = (error: unknown): boolean =>
  error instanceof AwsError &&
  (error.class === 'notFound' || (error.code === 'InvalidRequest' && error.message.includes('do not have permission')));

function pendingImage(id: string, call: CallOf<'copy'>): Image {
  return {
    id,
    name: call.name,
    description: call.description,
    state: 'pending',
    createdAt: Date.parse(call.tags[TAG.sourceCreated] ?? '') || 0,
    architecture: '',
    tags: call.tags,
    volumes: [],
    protection: 'disabled',
    madeFrom: call.origin.imageId,
  };
}

async function tag(call: CallOf<'tag'>, { ec2, inventory }: OpenTarget): Promise<void> {
  await ec2.send(new CreateTagsCommand({ Resources: [...call.resources], Tags: sdkTags(call.tags) }));
  inventory.overlay.tagged(call.resources, call.tags);
}

const CLAIM_SETTLES_MS = 1500;
const CLAIM_LOOKS = 20;

/**
 * EC2 has no conditional write: what stands there is read first, and again after the writing. Whoever writes at the same
 * time reads back, too, and only the claim that is left counts.
 */
async function claim(
  call: CallOf<'claim'>,
  { ec2, inventory, clock }: OpenTarget,
  options: CallOptions,
): Promise<void> {
  const read = async (): Promise<string | undefined> => {
    const image = (await describeImages(ec2, [{ Name: 'image-id', Values: [call.imageId] }], options)).get(
      call.imageId,
    );
    if (!image) throw new CalledOff('SourceGone', `${call.imageId} is not there any more`);
    return image.tags[TAG.claimedBy];
  };
  const before = await read();
  const refuse = (value: string): never => {
    throw new CalledOff('SourceClaimed', `${call.imageId} was claimed by somebody else in the meantime: ${value}`);
  };
  if (before !== undefined && before !== call.value && before !== call.instead) refuse(before);
  if (before !== call.value) {
    await ec2.send(
      new CreateTagsCommand({ Resources: [call.imageId], Tags: sdkTags({ [TAG.claimedBy]: call.value }) }),
    );
    for (let look = 1; ; look++) {
      await sleep(clock, CLAIM_SETTLES_MS, options.signal);
      const written = await read();
      if (written === call.value) break;
      if (written !== undefined && written !== before) refuse(written);
      if (look === CLAIM_LOOKS)
        throw new CalledOff(
          'ClaimNotVisible',
          `the claim on ${call.imageId} is not visible yet; it is looked at again`,
        );
    }
  }
  inventory.overlay.tagged([call.imageId], { [TAG.claimedBy]: call.value });
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

/** `Group: all` is only ever taken away here: giving everyone an image is a path of its own. */
function permissions(grants: LaunchGrants): LaunchPermission[] {
  return [
    ...grants.accounts.map((UserId) => ({ UserId })),
    ...grants.organizations.map((OrganizationArn) => ({ OrganizationArn })),
    ...grants.organizationalUnits.map((OrganizationalUnitArn) => ({ OrganizationalUnitArn })),
    ...(grants.public ? [{ Group: 'all' as const }] : []),
  ];
}

/** The flat form: emulators pass over the structured one without a word. */
async function modifyVolume(call: CallOf<'modifyVolume'>, { ec2, inventory }: OpenTarget): Promise<void> {
  for (const [operation, accounts] of [
    ['add', call.add],
    ['remove', call.remove],
  ] as const) {
    if (accounts.length === 0) continue;
    await ec2.send(
      new ModifySnapshotAttributeCommand({
        SnapshotId: call.snapshotId,
        Attribute: 'createVolumePermission',
        OperationType: operation,
        UserIds: [...accounts],
      }),
    );
  }
  inventory.overlay.volumeChanged(call.snapshotId, call.add, call.remove);
}

async function deregister(
  call: CallOf<'deregister'>,
  destroys: Destruction | undefined,
  { ec2, inventory }: OpenTarget,
  options: CallOptions,
): Promise<void> {
  const id = call.imageId;
  const fresh = (await describeImages(ec2, [{ Name: 'image-id', Values: [id] }], options)).get(id);
  if (!fresh) throw new CalledOff('NotVisible', `${id} is not shown any more; it is looked at again`);
  const planned = inventory.image(id);
  const objection = changedSince(planned, fresh, destroys) ?? (await sharedSince({ ec2, inventory }, fresh, options));
  if (objection !== undefined)
    throw new CalledOff('ImageChanged', `${id} ${objection} since this was planned; it is decided again`);
  try {
    await ec2.send(new DeregisterImageCommand({ ImageId: id }));
  } catch (error) {
    // Somebody was faster: an image that was deregistered is `Unavailable` first.
    const isGone =
      error instanceof AwsError && (error.class === 'notFound' || error.code === 'InvalidAMIID.Unavailable');
    if (!isGone) throw error;
  }
  inventory.overlay.removed(id);
}

/** The tags that tell whose an image or snapshot is. */
const IDENTITY = [TAG.policyUid, TAG.cluster, TAG.sourceImage, TAG.sourceAccount, TAG.sourceRegion];

/** What about an image speaks against removing it that was not so when it was planned. */
function changedSince(planned: Image | undefined, fresh: Image, destroys: Destruction | undefined): string | undefined {
  if (!planned) return 'was not in the listing';
  for (const key of IDENTITY) {
    if (fresh.tags[key] !== planned.tags[key]) return `carries another tag ${key}`;
  }
  if (fresh.tags[TAG.hold] !== planned.tags[TAG.hold]) return 'carries a hold';
  if (fresh.protection !== planned.protection) return 'got another deregistration protection';
  if (destroys && fresh.state !== destroys.state) return `became ${fresh.state}`;
  if ((fresh.lastLaunchedAt ?? 0) > (planned.lastLaunchedAt ?? 0)) return 'was launched';
  return undefined;
}

/**
 * Nothing that is shared is ever found unused, and who may launch it was asked at the last resync perhaps. The answer is
 * remembered, so that the next plan knows.
 */
async function sharedSince(
  { ec2, inventory }: Pick<OpenTarget, 'ec2' | 'inventory'>,
  { id, state }: Image,
  options: CallOptions,
): Promise<string | undefined> {
  if (state !== 'available') return undefined;
  await inventory.fetch({ kind: 'launchGrants', target: ec2.target, imageId: id }, options);
  const answer = inventory.view().launchGrants.get(id);
  if (!answer?.ok) return 'has launch permissions that could not be read';
  return isNothing(answer.value) ? undefined : `was shared with ${describe(answer.value)}`;
}

async function deleteSnapshot(
  call: CallOf<'deleteSnapshot'>,
  { ec2, inventory }: OpenTarget,
  options: CallOptions,
): Promise<void> {
  const id = call.snapshotId;
  const users = await describeImages(ec2, [{ Name: 'block-device-mapping.snapshot-id', Values: [id] }], options);
  const user = users
    .values()
    .find((image) => image.state !== 'deregistered' && image.volumes.some(({ snapshotId }) => snapshotId === id));
  if (user)
    throw new CalledOff(
      'SnapshotInUse',
      `kept: ${id} is used by ${user.id}`,
      user.id === call.of ? 'retries' : 'keeps',
    );
  const fresh = (await describeSnapshots(ec2, [{ Name: 'snapshot-id', Values: [id] }], options)).get(id);
  const planned = inventory.snapshot(id);
  if (
    fresh &&
    (IDENTITY.some((key) => fresh.tags[key] !== planned?.tags[key]) ||
      fresh.tags[TAG.kept] !== undefined ||
      fresh.tags[TAG.hold] !== undefined)
  ) {
    throw new CalledOff('SnapshotChanged', `${id} carries other tags since this was planned; it is decided again`);
  }
  try {
    await ec2.send(new DeleteSnapshotCommand({ SnapshotId: id }));
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    if (error.code === 'InvalidSnapshot.InUse') {
      // Right after its image went EC2 refuses for a while; for another image it refuses for good.
      const named = /in use by (ami-[0-9a-f]+)/.exec(error.message)?.[1];
      if (named !== undefined && named !== call.of)
        throw new CalledOff('SnapshotInUse', `kept: ${id} is used by ${named}`, 'keeps');
      throw new CalledOff('SnapshotInUse', `${id} cannot be deleted yet: ${error.message}`);
    }
    if (error.class !== 'notFound') throw error;
  }
  inventory.overlay.removed(id);
}

const sdkTags = (tags: Tags): Tag[] =>
  Object.entries(tags)
    .map(([Key, Value]) => ({ Key, Value }))
    .sort((left, right) => (left.Key < right.Key ? -1 : 1));
