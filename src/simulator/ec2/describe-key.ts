import type { Json, JsonCall } from './json-operations.ts';
import { isManagedName, managedKey, namedKey } from './keys.ts';
import { Refusal } from './refusal.ts';

/** KMS DescribeKey: by id, alias, or the ARN of either; also a key of another account that was granted. */
export function describeKey({ input, world, place }: JsonCall): { readonly [name: string]: Json } {
  const name = input['KeyId'];
  if (typeof name !== 'string' || name === '')
    throw new Refusal(
      'ValidationException',
      "1 validation error detected: Value at 'keyId' failed to satisfy constraint: Member must not be null",
    );
  if (isManagedName(name, place))
    return metadata(managedKey(place.account, place.region), 'AWS', 'Enabled', 'SYMMETRIC_DEFAULT');
  const key = namedKey(world.places(), place, name);
  if (!key) {
    const what = name.includes('alias/')
      ? `Alias ${aliasArn(name, place)} is not found.`
      : `Key '${name}' does not exist`;
    throw new Refusal('NotFoundException', what);
  }
  if (key.hidden)
    throw new Refusal(
      'AccessDeniedException',
      `User: arn:aws:sts::${place.account}:assumed-role/amifleet/amifleet is not authorized to perform: kms:DescribeKey on resource: ${key.arn} because no identity-based policy allows the kms:DescribeKey action`,
    );
  return metadata(key.arn, 'CUSTOMER', key.state, key.spec);
}

const metadata = (arn: string, manager: string, state: string, spec: string): { readonly [name: string]: Json } => ({
  KeyMetadata: {
    AWSAccountId: arn.split(':')[4],
    KeyId: arn.slice(arn.lastIndexOf('/') + 1),
    Arn: arn,
    Enabled: state === 'Enabled',
    KeyManager: manager,
    KeySpec: spec,
    KeyState: state,
    KeyUsage: 'ENCRYPT_DECRYPT',
    MultiRegion: false,
    Origin: 'AWS_KMS',
  },
});

const aliasArn = (name: string, { account, region }: JsonCall['place']): string =>
  name.startsWith('arn:') ? name : `arn:aws:kms:${region}:${account}:${name}`;
