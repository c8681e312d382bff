import type { Image, Tags } from './model.ts';
import { managerOf } from './other-managers.ts';
import { TAG } from './tags.ts';

/**
 * What people and other tools say by themselves: a hold, deregistration protection, or the mark of another manager.
 * Undefined: nothing.
 * @param written tags that the policy itself asks for, which are no marks of others
 */
export function protectedBy(
  image: Image,
  written?: Tags,
): { readonly code: string; readonly message: string } | undefined {
  const hold = image.tags[TAG.hold];
  if (hold !== undefined) {
    return {
      code: 'Held',
      message: `kept by the tag ${TAG.hold}${hold ? `: ${hold}` : ''}. Remove the tag to let it go`,
    };
  }
  if (image.protection.startsWith('disabled after')) {
    return { code: 'Protected', message: `kept: its deregistration protection is ${image.protection}` };
  }
  if (image.protection !== 'disabled') {
    return {
      code: 'Protected',
      message: `kept: its deregistration protection is ${image.protection}. Switch it off to let it go`,
    };
  }
  // A copy has the description of its source, and with it what AWS Backup says of that.
  const manager = managerOf({ tags: image.tags }, written);
  if (manager !== undefined) return { code: 'ManagedByOther', message: `kept: ${managedBy(manager)}` };
  return undefined;
}

/** What is said of an image that another manager has. */
export const managedBy = (manager: string): string =>
  `it carries the mark of ${manager}, which manages it, and two managers of one image undo each other's work. Take it out of there and its mark off to let this policy have it`;
