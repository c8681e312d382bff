import { CreateTagsCommand } from '@aws-sdk/client-ec2';
import { sleep } from '../ambient/clock.ts';
import type { CallOf } from '../policy/plan.ts';
import { TAG } from '../policy/tags.ts';
import type { CallOptions } from './aws-clients.ts';
import { CalledOff } from './called-off.ts';
import type { OpenTarget } from './inventories.ts';
import { sdkTags } from './sdk-tags.ts';

const CLAIM_SETTLES_MS = 1500;
const CLAIM_LOOKS = 20;

/**
 * EC2 has no conditional write: what stands there is read first, and again after the writing. Whoever writes at the same
 * time reads back, too, and only the claim that is left counts.
 */
export async function claim(
  call: CallOf<'claim'>,
  { ec2, inventory, images, clock }: OpenTarget,
  options: CallOptions,
): Promise<void> {
  const read = async (): Promise<string | undefined> => {
    const image = await images.read(call.imageId, options);
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
