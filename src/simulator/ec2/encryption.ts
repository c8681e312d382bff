import type { Call } from './call.ts';
import { isManagedKey, managedKey, mayRead, usableKey } from './keys.ts';
import { Refusal } from './refusal.ts';
import type { SimVolume } from './world.ts';

/** What is copied: a snapshot, and where it is. */
export interface EncryptionSource extends Pick<SimVolume, 'snapshotId' | 'encrypted' | 'kmsKeyId'> {
  readonly account: string;
  readonly region: string;
}

export interface Encryption {
  readonly result: { readonly encrypted: boolean; readonly kmsKeyId?: string };
  /** A key that cannot be used is found out only while copying. */
  readonly failure?: string;
}

const BAD_KEY = 'Given key ID is not accessible';

/**
 * How the copy of a snapshot is encrypted (ec2-facts, section 6).
 * @throws Refusal for what EC2 finds out at once
 */
export function encryptionOf({ query, place, world }: Call, source: EncryptionSource): Encryption {
  const asked = query.get('Encrypted') === undefined ? undefined : query.flag('Encrypted');
  const key = query.get('KmsKeyId');
  if (asked === false && source.encrypted) {
    throw new Refusal(
      'InvalidRequest',
      `Snapshot ${source.snapshotId} is encrypted. Creating an unencrypted copy from an encrypted snapshot is not supported.`,
    );
  }
  if (key !== undefined && asked !== true)
    throw new Refusal(
      'InvalidParameterCombination',
      'The parameter KmsKeyId requires the parameter Encrypted to be set.',
    );
  const places = world.places();
  const readable = !source.encrypted || mayRead(places, place.account, source.kmsKeyId);
  const to = (kmsKeyId: string | undefined, named: string): Encryption => ({
    result: { encrypted: true, kmsKeyId: kmsKeyId ?? named },
    ...((kmsKeyId === undefined || !readable) && { failure: BAD_KEY }),
  });
  const usable = (arn: string): string | undefined => (isManagedKey(arn) ? arn : usableKey(places, place, arn));
  if (key !== undefined) return to(usableKey(places, place, key), key);
  const foreign = source.account !== place.account;
  if (asked === true || place.encryptByDefault || (source.encrypted && foreign))
    return to(usable(place.defaultKey), place.defaultKey);
  if (!source.encrypted) return { result: { encrypted: false } };
  const kept = source.region === place.region ? source.kmsKeyId : undefined;
  return to(kept ?? managedKey(place.account, place.region), kept ?? '');
}
