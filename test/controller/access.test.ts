import { describe, expect, it } from 'vitest';
import type { AwsAccount } from '../../src/api/aws-account.ts';
import { grantFor } from '../../src/controller/access.ts';

const ID = '222233334444';
const ROLE = `arn:aws:iam::${ID}:role/amifleet`;

const accountWith = (spec: object): ReadonlyMap<string, AwsAccount> =>
  new Map([
    [ID, { apiVersion: 'amifleet.io/v1alpha1', kind: 'AwsAccount', metadata: { name: ID }, spec } as AwsAccount],
  ]);

describe('an account is used', () => {
  it.each([
    ['its AwsAccount lists the namespace', { namespaces: ['other', 'platform'] }],
    ['its AwsAccount lists every namespace', { namespaces: ['*'] }],
  ])('when %s', (_name, spec) => {
    expect(grantFor(ID, 'platform', accountWith(spec), false)).toMatchObject({ kind: 'granted', readOnly: false });
  });

  it.each([
    ['there is no AwsAccount', new Map(), 'NoAwsAccount', /creates one that lists namespace platform/],
    ['its AwsAccount lists no namespace', accountWith({}), 'NamespaceNotAllowed', /adds the namespace/],
    [
      'its AwsAccount lists others only',
      accountWith({ namespaces: ['plat'] }),
      'NamespaceNotAllowed',
      /adds the namespace/,
    ],
    ['its AwsAccount cannot be read', accountWith({ namespaces: 'platform' }), 'InvalidAwsAccount', /applies it again/],
  ])('never when %s', (_name, accounts, code, remedy) => {
    expect(grantFor(ID, 'platform', accounts, false)).toMatchObject({
      kind: 'refused',
      code,
      message: expect.stringMatching(remedy) as string,
    });
  });

  it.each([
    ['the AwsAccount says so', { namespaces: ['*'], readOnly: true }, false],
    ['the controller runs read-only', { namespaces: ['*'] }, true],
  ])('without changing anything when %s', (_name, spec, readOnly) => {
    expect(grantFor(ID, 'platform', accountWith(spec), readOnly)).toMatchObject({ kind: 'granted', readOnly: true });
  });

  it('through the role and with the external id that its AwsAccount names', () => {
    const spec = { namespaces: ['*'], roleArn: ROLE, externalId: 'id-1' };
    expect(grantFor(ID, 'platform', accountWith(spec), false)).toMatchObject({
      access: { account: ID, roleArn: ROLE, externalId: 'id-1' },
    });
  });
});
