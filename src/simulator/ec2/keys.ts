import type { Place, SimKey, SimVolume } from './world.ts';

/** The key that AWS manages: nothing under it can be shared, nor read by another account. */
export const managedKey = (account: string, region: string): string => `arn:aws:kms:${region}:${account}:key/aws-ebs`;

export const isManagedKey = (arn: string | undefined): boolean => arn?.endsWith(':key/aws-ebs') === true;

export const underManagedKey = ({ encrypted, kmsKeyId }: Pick<SimVolume, 'encrypted' | 'kmsKeyId'>): boolean =>
  encrypted && (kmsKeyId === undefined || isManagedKey(kmsKeyId));

/**
 * The ARN of a key that an account may use in a region. An id or an alias names a key of its own; an ARN, of the key or of
 * its alias, also one of another account that granted it.
 * @returns undefined when there is no such key, or it may not be used
 */
export function usableKey(places: readonly Place[], user: Place, key: string): string | undefined {
  if (key === 'alias/aws/ebs' || key === managedKey(user.account, user.region))
    return managedKey(user.account, user.region);
  for (const place of places) {
    if (place.region !== user.region) continue;
    const own = place.account === user.account;
    for (const candidate of place.keys) {
      if (!own && !candidate.grantsTo.includes(user.account)) continue;
      if (namesOf(place, candidate, own).includes(key)) return candidate.arn;
    }
  }
  return undefined;
}

function namesOf({ account, region }: Place, { alias, arn }: SimKey, own: boolean): string[] {
  const arns = [arn, `arn:aws:kms:${region}:${account}:${alias}`];
  return own ? [...arns, alias, arn.slice(arn.lastIndexOf('/') + 1)] : arns;
}

/** Whether an account may read what a key encrypts. */
export function mayRead(places: readonly Place[], account: string, arn: string | undefined): boolean {
  if (arn === undefined) return false;
  const owner = arn.split(':')[4];
  if (owner === account) {
    return isManagedKey(arn) || places.some(({ keys }) => keys.some((key) => key.arn === arn));
  }
  return places.some(({ keys }) => keys.some((key) => key.arn === arn && key.grantsTo.includes(account)));
}
