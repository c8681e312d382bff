import type { Place, SimKey, SimVolume } from './world.ts';

/** The key that AWS manages: nothing under it can be shared, nor read by another account. */
export const managedKey = (account: string, region: string): string => `arn:aws:kms:${region}:${account}:key/aws-ebs`;

export const isManagedKey = (arn: string | undefined): boolean => arn?.endsWith(':key/aws-ebs') === true;

export const underManagedKey = ({ encrypted, kmsKeyId }: Pick<SimVolume, 'encrypted' | 'kmsKeyId'>): boolean =>
  encrypted && (kmsKeyId === undefined || isManagedKey(kmsKeyId));

/**
 * The key that an account means by a name in a region. An id or an alias names a key of its own; an ARN, of the key or of
 * its alias, also one of another account that granted it.
 */
export function namedKey(places: readonly Place[], user: Place, name: string): SimKey | undefined {
  for (const place of places) {
    if (place.region !== user.region) continue;
    const own = place.account === user.account;
    for (const candidate of place.keys) {
      if (!own && !candidate.grantsTo.includes(user.account)) continue;
      if (namesOf(place, candidate, own).includes(name)) return candidate;
    }
  }
  return undefined;
}

export const isManagedName = (name: string, { account, region }: Place): boolean =>
  name === 'alias/aws/ebs' || name === managedKey(account, region);

/**
 * The ARN of a key with which an account can encrypt snapshots in a region.
 * @returns undefined when there is no such key, or it is not good for that
 */
export function usableKey(places: readonly Place[], user: Place, name: string): string | undefined {
  if (isManagedName(name, user)) return managedKey(user.account, user.region);
  const key = namedKey(places, user, name);
  return key?.state === 'Enabled' && key.spec === 'SYMMETRIC_DEFAULT' ? key.arn : undefined;
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
