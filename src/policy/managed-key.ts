import { snapshotKey } from './encryption.ts';
import type { Image, Target } from './model.ts';
import { inventoryOf, type Pass } from './pass.ts';

/** Whether a snapshot of an image is under the key that AWS manages, which no other account can use. */
export type ManagedKey =
  | { readonly kind: 'none' }
  /** It has to be asked for first. */
  | { readonly kind: 'asking' }
  | { readonly kind: 'managed'; readonly snapshotId: string; readonly arn: string };

/** What cannot be read only loses an early warning: EC2 refuses by itself then (ec2-facts, section 6). */
export function managedKeyOf(pass: Pass, image: Image, target: Target): ManagedKey {
  const inventory = inventoryOf(pass, target);
  let known = true;
  for (const { snapshotId, encrypted } of image.volumes) {
    if (snapshotId === undefined || !encrypted) continue;
    const arn = snapshotKey(inventory, snapshotId);
    if (arn === undefined && !inventory?.snapshotKeys.has(snapshotId)) {
      pass.draft.need({ kind: 'snapshotKey', target, snapshotId });
      known = false;
    }
    if (!arn) continue;
    const answer = inventory?.keys.get(arn);
    if (!answer) {
      pass.draft.need({ kind: 'key', target, key: arn });
      known = false;
    }
    if (answer?.ok && answer.value.kind === 'usable' && answer.value.managedByAws)
      return { kind: 'managed', snapshotId, arn };
  }
  return { kind: known ? 'none' : 'asking' };
}
