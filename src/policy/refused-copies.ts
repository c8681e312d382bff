import type { Target } from './model.ts';
import { label, type Pass } from './pass.ts';
import type { CallOf } from './plan.ts';
import type { Version } from './versions.ts';

/** What EC2 said when it refused a copy for which something had been lent. */
export interface RefusedCopy {
  readonly code: string;
  readonly message: string;
}

/** Whether an origin has to be opened for a copy: the account that makes it is not the one that it belongs to. */
export const lendsFor = ({ origin, foreignOwner }: CallOf<'copy'>, { account }: Target): boolean =>
  origin.account !== account && foreignOwner === undefined;

/**
 * Says that a copy was refused lately. Until it is tried again nothing is lent for it: a grant that goes with no copy would
 * stay open for as long as EC2 refuses.
 * @returns whether it was
 */
export function wasRefused(pass: Pass, version: Version, target: Target, token: string): boolean {
  const refused = pass.refusedCopies?.get(token);
  if (!refused) return false;
  pass.draft.block({
    part: 'replication',
    code: refused.code,
    subject: label(version.name, version.id),
    target,
    message: `${refused.message}. What was lent for the copy is taken back; it is tried again within the hour, or at once when the policy is edited or annotated with amifleet.io/reconcile`,
    effect: 'stalls',
  });
  return true;
}
