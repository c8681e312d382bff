import { CopyImageCommand } from '@aws-sdk/client-ec2';
import { sleep } from '../ambient/clock.ts';
import type { Image } from '../policy/model.ts';
import type { CallOf } from '../policy/plan.ts';
import { TAG } from '../policy/tags.ts';
import { AwsError } from './aws-error.ts';
import { CalledOff } from './called-off.ts';
import type { OpenTarget } from './inventories.ts';
import { sdkTags } from './sdk-tags.ts';

const GRANT_SETTLES_MS = 1500;
const GRANT_LOOKS = 5;

/** Starts a copy; `stop` ends only the waiting for a permission. */
export async function copy(call: CallOf<'copy'>, open: OpenTarget, stop: AbortSignal): Promise<void> {
  const { inventory } = open;
  try {
    const id = await sendCopy(call, open, stop);
    if (!id) throw new CalledOff('NoImageId', 'CopyImage answered without an image id; it is asked for again');
    inventory.permitted('CopyImage');
    inventory.overlay.created(pendingImage(id, call), call.attempt);
  } catch (error) {
    if (error instanceof AwsError && error.class === 'mismatch') {
      throw new CalledOff(
        'CopyAlreadySent',
        'EC2 knows this copy with other parameters, so it was sent before; waiting until it is visible',
      );
    }
    if (call.foreignOwner !== undefined && mayBeForWantOfAGrant(error)) throw notShared(call, open, error);
    throw error;
  }
}

/** It was seen to be shared, so that what is missing are its snapshots, and only its owner can share those. */
function notShared(call: CallOf<'copy'>, { ec2 }: OpenTarget, error: AwsError): AwsError {
  const { action, target, certain } = error;
  return new AwsError({
    class: 'refused',
    code: 'SourceNotReadable',
    action,
    target,
    certain,
    why: `account ${ec2.target.account} may not read ${call.origin.imageId} of account ${call.foreignOwner} to copy it`,
    remedy: `Have its owner give account ${ec2.target.account} create-volume permission on the snapshots of the image, and the use of their key where they are encrypted`,
  });
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
  const imageTags = sdkTags({ ...call.tags, ...call.imageTags });
  const command = new CopyImageCommand({
    SourceImageId: call.origin.imageId,
    SourceRegion: call.origin.region,
    Name: call.name,
    // EC2 takes an empty description for none; sent or not, a repeated request must be the same.
    ...(call.description !== '' && { Description: call.description }),
    // Never Encrypted: false, which EC2 refuses for encrypted sources (ec2-facts 5.1).
    ...(call.kmsKeyId !== undefined && { Encrypted: true, KmsKeyId: call.kmsKeyId }),
    ClientToken: call.token,
    TagSpecifications: [
      { ResourceType: 'image', Tags: imageTags },
      { ResourceType: 'snapshot', Tags: tags },
    ],
  });
  for (let look = 1; ; look++) {
    try {
      return (await ec2.send(command)).ImageId;
    } catch (error) {
      const mayBeOpenedNow = call.origin.account !== ec2.target.account && call.foreignOwner === undefined;
      if (!mayBeOpenedNow || look >= GRANT_LOOKS || stop.aborted || !mayBeForWantOfAGrant(error)) throw error;
      await sleep(clock, GRANT_SETTLES_MS * look, stop);
    }
  }
}

/** As EC2 answers who may not launch an image, or not read its snapshots (ec2-facts 5.1). */
const mayBeForWantOfAGrant = (error: unknown): error is AwsError =>
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
    tags: { ...call.tags, ...call.imageTags },
    volumes: [],
    protection: 'disabled',
    madeFrom: call.origin.imageId,
  };
}
