import type { Json, JsonCall } from './json-operations.ts';
import { isManagedKey, usableKey } from './keys.ts';
import { Refusal } from './refusal.ts';

/** KMS DescribeKey: by id, alias, or the ARN of either; also a key of another account that was granted. */
export function describeKey({ input, world, place }: JsonCall): { readonly [name: string]: Json } {
  const name = input['KeyId'];
  if (typeof name !== 'string' || name === '')
    throw new Refusal(
      'ValidationException',
      "1 validation error detected: Value at 'keyId' failed to satisfy constraint: Member must not be null",
    );
  const arn = usableKey(world.places(), place, name);
  if (arn === undefined) {
    const what = name.includes('alias/')
      ? `Alias ${aliasArn(name, place)} is not found.`
      : `Key '${name}' does not exist`;
    throw new Refusal('NotFoundException', what);
  }
  return {
    KeyMetadata: {
      AWSAccountId: arn.split(':')[4],
      KeyId: arn.slice(arn.lastIndexOf('/') + 1),
      Arn: arn,
      Enabled: true,
      KeyManager: isManagedKey(arn) ? 'AWS' : 'CUSTOMER',
      KeySpec: 'SYMMETRIC_DEFAULT',
      KeyState: 'Enabled',
      KeyUsage: 'ENCRYPT_DECRYPT',
      MultiRegion: false,
      Origin: 'AWS_KMS',
    },
  };
}

const aliasArn = (name: string, { account, region }: JsonCall['place']): string =>
  name.startsWith('arn:') ? name : `arn:aws:kms:${region}:${account}:${name}`;
