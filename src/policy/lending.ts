import { snapshotKey } from './encryption.ts';
import { inventoryOf, type Pass } from './pass.ts';
import type { Origin } from './temporary-grants.ts';

/** Whether another account can be let copy an image at all. */
export type Lending =
  | { readonly kind: 'possible' }
  /** It has to be asked for first. */
  | { readonly kind: 'asking' }
  /** EC2 copies it within its own account only. */
  | { readonly kind: 'marketplace'; readonly productCodes: readonly string[] }
  /** Its snapshots are under the key that AWS manages, which nobody else can use. */
  | { readonly kind: 'managedKey'; readonly arn: string };

/**
 * Whether `account` can be let copy an origin. What no permission can change is found out before anything is written or
 * given (ec2-facts 5.1 and 6). What cannot be read only loses the early warning: EC2 refuses by itself then.
 */
export function lendingOf(pass: Pass, { image, target, isForeign }: Origin, account: string): Lending {
  if (target.account === account) return { kind: 'possible' };
  const { productCodes = [] } = image;
  if (productCodes.length > 0) return { kind: 'marketplace', productCodes };
  // What is under the key that AWS manages could not have been shared with us.
  if (isForeign) return { kind: 'possible' };
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
    if (answer?.ok && answer.value.kind === 'usable' && answer.value.managedByAws) return { kind: 'managedKey', arn };
  }
  return { kind: known ? 'possible' : 'asking' };
}
