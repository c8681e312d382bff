import { managedKeyOf } from './managed-key.ts';
import type { Pass } from './pass.ts';
import type { Origin } from './temporary-grants.ts';

/** Whether another account can be let copy an image at all. */
export type Lending =
  | { readonly kind: 'possible' }
  /** It has to be asked for first. */
  | { readonly kind: 'asking' }
  /** EC2 copies it within its own account only. */
  | { readonly kind: 'marketplace'; readonly productCodes: readonly string[] }
  /** Its snapshots are under the key that AWS manages. */
  | { readonly kind: 'managedKey'; readonly arn: string };

/**
 * Whether `account` can be let copy an origin. What no permission can change is found out before anything is written or
 * given (ec2-facts 5.1 and 6).
 */
export function lendingOf(pass: Pass, { image, target, isForeign }: Origin, account: string): Lending {
  if (target.account === account) return { kind: 'possible' };
  const { productCodes = [] } = image;
  if (productCodes.length > 0) return { kind: 'marketplace', productCodes };
  // What is under the key that AWS manages could not have been shared with us.
  if (isForeign) return { kind: 'possible' };
  const key = managedKeyOf(pass, image, target);
  if (key.kind === 'managed') return { kind: 'managedKey', arn: key.arn };
  return key.kind === 'asking' ? key : { kind: 'possible' };
}
