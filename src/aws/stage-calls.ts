import {
  DisableImageDeprecationCommand,
  DisableImageDeregistrationProtectionCommand,
  EnableImageCommand,
  EnableImageDeprecationCommand,
  EnableImageDeregistrationProtectionCommand,
} from '@aws-sdk/client-ec2';
import type { CallOf } from '../policy/plan.ts';
import type { OpenTarget } from './inventories.ts';

/** Changes how far an image is on its way out, or whether it may go at all. None of it needs a last look. */
export async function modifyStage(
  call: CallOf<'deprecate'> | CallOf<'restore'> | CallOf<'protect'>,
  { ec2, inventory: { overlay } }: OpenTarget,
): Promise<void> {
  const ImageId = call.imageId;
  switch (call.do) {
    case 'deprecate':
      await ec2.send(new EnableImageDeprecationCommand({ ImageId, DeprecateAt: new Date(call.at) }));
      return overlay.imageChanged(ImageId, { deprecatesAt: call.at });
    case 'restore':
      if (call.what === 'enable') {
        await ec2.send(new EnableImageCommand({ ImageId }));
        return overlay.imageChanged(ImageId, { state: 'available' });
      }
      await ec2.send(new DisableImageDeprecationCommand({ ImageId }));
      return overlay.imageChanged(ImageId, { deprecatesAt: undefined });
    case 'protect': {
      const command = call.on
        ? new EnableImageDeregistrationProtectionCommand({ ImageId, WithCooldown: false })
        : new DisableImageDeregistrationProtectionCommand({ ImageId });
      await ec2.send(command);
      return overlay.imageChanged(ImageId, { protection: call.on ? 'enabled-without-cooldown' : 'disabled' });
    }
  }
}
