import type { Call } from './call.ts';
import { Refusal } from './refusal.ts';

/**
 * Whether something belongs to one of the accounts asked for; `self` is the caller, an alias owns nothing here.
 * @throws Refusal InvalidUserID.Malformed for what is neither
 */
export function ownerMatcher(
  { place }: Call,
  owners: readonly string[],
  aliases: readonly string[],
): (item: { readonly account: string }) => boolean {
  for (const owner of owners) {
    if (!/^\d{12}$/.test(owner) && owner !== 'self' && !aliases.includes(owner))
      throw new Refusal('InvalidUserID.Malformed', `Invalid user id: "${owner}"`);
  }
  return ({ account }) =>
    owners.length === 0 || owners.some((owner) => owner === account || (owner === 'self' && account === place.account));
}
