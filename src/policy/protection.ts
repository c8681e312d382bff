import { hasIdentity } from './identity.ts';
import { type Image, type Tags, type Target, targetKey } from './model.ts';
import type { Objection } from './objection.ts';
import { originalOf } from './originals.ts';
import { managerOf } from './other-managers.ts';
import { label, type Pass } from './pass.ts';
import { isoTime, TAG } from './tags.ts';
import { copiesOf } from './versions.ts';

const isOn = ({ protection }: Image): boolean => !protection.startsWith('disabled');

/** Whether the deregistration protection of an image is on because this policy wanted it so. */
export const protectedByUs = (image: Image): boolean => isOn(image) && image.tags[TAG.protectedSince] !== undefined;

/**
 * What people and other tools say by themselves: a hold, deregistration protection, or the mark of another manager.
 * Undefined: nothing.
 * @param written tags that the policy itself asks for, which are no marks of others
 */
export function protectedBy(image: Image, written?: Tags): Objection | undefined {
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
  if (isOn(image) && !protectedByUs(image)) {
    return {
      code: 'Protected',
      message: `kept: its deregistration protection is ${image.protection}. Switch it off to let it go`,
    };
  }
  // A copy has the description of its source, and with it what AWS Backup says of that.
  const { tags, description } = image;
  const manager = managerOf(hasIdentity(tags) ? { tags } : { tags, description }, written);
  if (manager !== undefined) return { code: 'ManagedByOther', message: `kept: ${managedBy(manager)}` };
  return undefined;
}

/** What is said of an image that another manager has. */
export const managedBy = (manager: string): string =>
  `it carries the mark of ${manager}, which manages it, and two managers of one image undo each other's work. Take it out of there and its mark off to let this policy have it`;

/**
 * Keeps deregistration protection on the copies of wanted versions where the policy asks for it, and takes off what it
 * has put on where it does not ask any more. The mark goes first and comes off last: protection without it is somebody
 * else's, and keeps the image.
 */
export function keepProtection(pass: Pass): void {
  for (const version of pass.set.versions) {
    for (const copy of copiesOf(version)) {
      const { image, target, ownership } = copy;
      if (ownership.kind !== 'ours' || image.state !== 'available') continue;
      const subject = label(version.name, image.id);
      // Of two copies of one version only the one that stays is protected.
      const isSecond = originalOf(pass, copy, version.copies.get(targetKey(target)) ?? []) !== undefined;
      const wanted = pass.spec.protection && !isSecond && pass.standings.of(version, target).kind === 'wanted';
      if (!wanted) dropProtection(pass, image, target, subject);
      else if (!isOn(image)) protect(pass, image, target, subject);
    }
  }
}

function protect(pass: Pass, image: Image, target: Target, subject: string): void {
  const { draft, now } = pass;
  const marked = image.tags[TAG.protectedSince] !== undefined;
  const needs = marked
    ? []
    : [
        draft.act({
          id: `mark-protected ${image.id}`,
          kind: 'MarkStage',
          target,
          subject,
          reason: 'written before it is protected, so that the protection is known to be of this policy',
          call: { do: 'tag', resources: [image.id], tags: { [TAG.protectedSince]: isoTime(now) } },
        }),
      ];
  draft.act({
    id: `protect ${image.id}`,
    kind: 'ProtectImage',
    target,
    subject,
    reason: marked
      ? 'its protection was switched off, and the policy wants it'
      : 'wanted versions are protected from deregistration',
    call: { do: 'protect', imageId: image.id, on: true },
    needs,
  });
}

/** Takes off the protection that this policy has put on. */
export function dropProtection(pass: Pass, image: Image, target: Target, subject: string): void {
  const { draft } = pass;
  if (image.tags[TAG.protectedSince] === undefined) return;
  const reason = pass.deleting ? 'the policy is being deleted' : 'the policy does not ask for its protection any more';
  const needs = isOn(image)
    ? [
        draft.act({
          id: `unprotect ${image.id}`,
          kind: 'UnprotectImage',
          target,
          subject,
          reason,
          call: { do: 'protect', imageId: image.id, on: false },
        }),
      ]
    : [];
  draft.act({
    id: `unmark-protected ${image.id}`,
    kind: 'ClearMark',
    target,
    subject,
    reason,
    call: { do: 'untag', resources: [image.id], keys: [TAG.protectedSince] },
    needs,
  });
}
