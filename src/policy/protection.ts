import type { Image } from './model.ts';
import { TAG } from './tags.ts';

/** What people and other tools say by themselves: a hold, or deregistration protection. Undefined: nothing. */
export function protectedBy(image: Image): { readonly code: string; readonly message: string } | undefined {
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
  return undefined;
}
