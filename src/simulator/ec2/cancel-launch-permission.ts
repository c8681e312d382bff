import { DONE, type Operation } from './call.ts';
import { checkImageId, visibleImage } from './image-access.ts';
import { withChange } from './launch-permissions.ts';
import { imageNotFound, Refusal } from './refusal.ts';
import { NOBODY } from './world.ts';

/** A consumer gives up its own entry; what it has through an organization, or with everybody, stays. */
export const cancelImageLaunchPermission: Operation = {
  parameters: ['ImageId', 'DryRun'],
  mutates: true,
  run(call) {
    const { query, world, place } = call;
    const id = query.required('ImageId');
    checkImageId(id);
    const image = world.findImage(id, place.region);
    if (!image || image.state === 'deregistered' || !visibleImage(call, id)) throw imageNotFound([id]);
    if (!image.permissions.accounts.includes(place.account))
      throw new Refusal('InvalidParameterValue', `The image ${id} is not shared with account ${place.account} by name`);
    const change = { add: NOBODY, remove: { ...NOBODY, accounts: [place.account] } };
    world.putImage({ ...image, permissions: withChange(image.permissions, change, image.account) });
    return DONE;
  },
};
