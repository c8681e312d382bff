import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AwsError } from '../../src/aws/aws-error.ts';
import { isRead, toAwsError } from '../../src/aws/error-table.ts';

const TARGET = { account: '111122223333', region: 'eu-west-1' };
const ec2 = (name: string, httpStatusCode = 400, message = 'AWS said so.'): Error =>
  Object.assign(new Error(message), { name, $metadata: { httpStatusCode } });
const node = (code: string, name = 'Error'): Error => Object.assign(new Error(`it was ${code}`), { name, code });
const judge = (error: unknown, action = 'CopyImage'): AwsError => toAwsError(error, action, TARGET);

describe('an answer of AWS', () => {
  it.each([
    ['throttle', 'RequestLimitExceeded', 503],
    ['throttle', 'Throttling', 400],
    ['throttle', 'EC2ThrottledException', 400],
    ['throttle', 'SomethingNew', 429],
    ['capacity', 'ResourceLimitExceeded', 400],
    ['capacity', 'PendingSnapshotLimitExceeded', 400],
    ['capacity', 'ConcurrentSnapshotLimitExceeded', 400],
    ['capacity', 'ConcurrentTagAccess', 400],
    ['transient', 'InternalError', 500],
    ['transient', 'ServerInternal', 500],
    ['transient', 'Unavailable', 503],
    ['transient', 'ServiceUnavailable', 503],
    ['transient', 'SomethingNew', 500],
    ['notFound', 'InvalidAMIID.NotFound', 400],
    ['notFound', 'InvalidSnapshot.NotFound', 400],
    ['notFound', 'InvalidSomethingNew.NotFound', 400],
    ['wrongState', 'InvalidAMIID.Unavailable', 400],
    ['wrongState', 'InvalidSnapshot.InUse', 400],
    ['wrongState', 'IncorrectState', 400],
    ['refused', 'OperationNotPermitted', 400],
    ['refused', 'InvalidParameter', 400],
    ['refused', 'UnsupportedOperation', 400],
    ['refused', 'InvalidRequest', 400],
    ['refused', 'InvalidAMIAttributeItemValue', 400],
    ['refused', 'SomethingNew', 400],
    ['access', 'UnauthorizedOperation', 403],
    ['access', 'AccessDenied', 403],
    ['access', 'AuthFailure', 401],
    ['access', 'OptInRequired', 403],
    ['access', 'InvalidClientTokenId', 403],
    ['access', 'ExpiredToken', 400],
    ['access', 'RequestExpired', 400],
    ['access', 'RegionDisabledException', 403],
    ['access', 'SomethingNew', 403],
    ['mismatch', 'IdempotentParameterMismatch', 400],
    ['unsupported', 'InvalidAction', 400],
    ['bug', 'MissingParameter', 400],
    ['bug', 'UnknownParameter', 400],
    ['bug', 'InvalidParameterCombination', 400],
  ] as const)('is of class %s when its code is %s (HTTP %d)', (kind, code, status) => {
    const error = judge(ec2(code, status));
    expect(error).toMatchObject({ class: kind, code, action: 'CopyImage', target: TARGET });
    // Only of an answer that AWS itself calls a failure of its own is the effect unknown.
    expect(error.certain).toBe(kind !== 'transient');
  });

  it.each([
    ['RequestLimitExceeded', 'more slowly'],
    ['ResourceLimitExceeded', 'quota'],
    ['InternalError', 'tried again'],
    ['IncorrectState', 'later'],
    ['InvalidNextToken', 'later'],
    ['OperationNotPermitted', 'until the policy or the image changes'],
    ['UnauthorizedOperation', 'role of the AwsAccount'],
    ['AuthFailure', 'region is enabled'],
    ['SignatureDoesNotMatch', 'clock of this machine'],
    ['InvalidAction', 'does not know this operation'],
    ['MissingParameter', 'report it'],
  ])('with the code %s says what to do: …%s…', (code, remedy) => {
    const error = judge(ec2(code));
    expect(error.remedy).toContain(remedy);
    expect(error.message).toContain(error.remedy);
  });

  it('says what, where, why and what to do', () => {
    expect(judge(ec2('UnauthorizedOperation', 403, 'You may not.')).message).toBe(
      'CopyImage in 111122223333/eu-west-1 failed: UnauthorizedOperation: You may not. Check the role of the AwsAccount and the permissions that it gives, and that the region is enabled in the account',
    );
  });

  it('that was classified already stays as it is', () => {
    const error = judge(ec2('AuthFailure', 401));
    expect(judge(error, 'DescribeImages')).toBe(error);
  });
});

describe('an operation that an emulator lacks', () => {
  const pages = [
    ec2('Error', 500, '@aws-sdk XML parse error: mismatched tags <html> and </title>.'),
    ec2('Unknown', 500),
    ec2('Unknown', 501),
    ec2('InternalFailure', 501),
    ec2('UnsupportedOperation', 400),
    ec2('InvalidAction', 400),
  ];

  it.each(pages)('is unsupported when it reads (%#)', (page) => {
    expect(judge(page, 'DescribeImageReferences').class).toBe('unsupported');
  });

  it.each(pages.slice(0, 3))('may have been done when it writes (%#)', (page) => {
    expect(judge(page, 'CopyImage')).toMatchObject({ class: 'transient', certain: false });
  });

  it('is not taken for the words of EC2 about its own failure', () => {
    expect(judge(ec2('InternalError', 500), 'DescribeImages').class).toBe('transient');
  });
});

describe('no answer', () => {
  it.each([
    ['ConnectionFailed', true, node('ECONNREFUSED')],
    ['ConnectionFailed', true, node('EAI_AGAIN')],
    ['ConnectionFailed', true, node('SELF_SIGNED_CERT_IN_CHAIN')],
    ['ConnectionFailed', false, node('ECONNRESET', 'TimeoutError')],
    ['ConnectionFailed', false, node('EPIPE')],
    ['Timeout', false, node('ETIMEDOUT', 'TimeoutError')],
    ['Timeout', false, Object.assign(new Error('the socket timed out'), { name: 'TimeoutError' })],
    ['UnreadableAnswer', false, ec2('Error', 200, '@aws-sdk XML parse error: missing closing tag </item>.')],
    ['UnreadableAnswer', false, ec2('Unknown', 502)],
  ])('is transient: %s, without an effect for certain: %s', (code, certain, error) => {
    expect(judge(error)).toMatchObject({ class: 'transient', code, certain });
  });

  it.each([node('ENOTFOUND'), new Error('Region not accepted: region="a b" is not a valid hostname component.')])(
    'because there is no such region names the region (%#)',
    (thrown) => {
      const error = judge(thrown);
      expect(error).toMatchObject({ class: 'access', code: 'UnknownRegion', certain: true });
      expect(error.message).toContain('eu-west-1');
    },
  );

  it('because there are no own credentials says where they come from', () => {
    const error = judge(Object.assign(new Error('Could not load credentials'), { name: 'CredentialsProviderError' }));
    expect(error).toMatchObject({ class: 'access', code: 'NoCredentials', certain: true });
    expect(error.remedy).toContain('IRSA');
  });
});

describe('the message', () => {
  const secrets = 'AKIAABCDEFGHIJKLMNOP 0b1c2d3e-1111-2222-3333-444455556666 hush-hush c2VjcmV0';

  it.each([
    'Not for AKIAABCDEFGHIJKLMNOP',
    'Sorry (Request ID: 0b1c2d3e-1111-2222-3333-444455556666)',
    'Sorry, RequestID 0b1c2d3e-1111-2222-3333-444455556666',
    "Value 'hush-hush' is not valid",
    'You may not. Encoded authorization failure message: c2VjcmV0',
  ])('leaves out what belongs into no log: %s', (message) => {
    for (const name of ['UnauthorizedOperation', 'SomethingNew', 'InternalError']) {
      const error = toAwsError(ec2(name, 400, message), 'CopyImage', TARGET, ['hush-hush']);
      for (const secret of secrets.split(' ')) expect(error.message).not.toContain(secret);
    }
  });

  it('does not quote the request that was not signed right: the token is part of it', () => {
    const error = judge(
      ec2('SignatureDoesNotMatch', 403, "The canonical string should have been 'x-amz-security-token:FwoG'"),
    );
    expect(error.message).not.toContain('FwoG');
    expect(error.cause).toBeUndefined();
  });

  it('never shows a key, a session token, a request id or an external id (S12)', () => {
    const letters = (alphabet: string, length: number): fc.Arbitrary<string> =>
      fc.string({ unit: fc.constantFrom(...alphabet.split('')), minLength: length, maxLength: length });
    const upper = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
    const secret = fc.oneof(
      letters(upper, 16).map((text) => ({ text: `AKIA${text}`, said: `AKIA${text}` })),
      letters(upper, 16).map((text) => ({ text: `ASIA${text}`, said: `(ASIA${text})` })),
      letters(`${upper}abcdefgh+/`, 80).map((text) => ({ text: `IQoJ${text}`, said: `token IQoJ${text}==` })),
      fc.uuid().map((text) => ({ text, said: `Request ID: ${text}` })),
      fc.uuid().map((text) => ({ text, said: `<RequestID>${text}</RequestID>` })),
      fc.uuid().map((text) => ({ text, said: `request_id="${text}"` })),
      letters('abcdefXYZ0123456789+=,.@:/-', 20).map((text) => ({ text, said: `'${text}'`, external: text })),
    );
    fc.assert(
      fc.property(
        fc.array(secret, { minLength: 1, maxLength: 4 }),
        fc.constantFrom('UnauthorizedOperation', 'AccessDenied', 'ValidationError', 'SomethingNew', 'InternalError'),
        fc.constantFrom(400, 403, 500),
        (secrets, code, status) => {
          const message = `Sorry: ${secrets.map(({ said }) => said).join(' and ')}.`;
          const externalIds = secrets.flatMap((each) => ('external' in each ? [each.external] : []));
          const error = toAwsError(ec2(code, status, message), 'AssumeRole', TARGET, externalIds);
          const shown = inspect(error, { depth: 9, showHidden: true });
          for (const { text } of secrets) expect(shown).not.toContain(text);
          expect(error.message).toContain('Sorry');
        },
      ),
    );
  });

  it('is about the image where AWS speaks of the image, and about the credentials where it does not', () => {
    expect(judge(ec2('AuthFailure', 401, 'Not authorized for image:ami-1')).message).toContain('image:ami-1');
    expect(judge(ec2('AuthFailure', 401, 'AWS was not able to validate')).message).toContain('accept the credentials');
  });

  it('is short', () => {
    expect(judge(ec2('InvalidParameter', 400, 'long '.repeat(10_000))).message.length).toBeLessThan(800);
  });
});

describe('whatever is thrown', () => {
  it('becomes an AwsError with a code that can be a reason in a status', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.anything(),
          fc.record({
            name: fc.string(),
            message: fc.string(),
            code: fc.string(),
            $metadata: fc.record({ httpStatusCode: fc.integer() }),
          }),
        ),
        fc.constantFrom('DescribeImages', 'CopyImage'),
        (thrown, action) => {
          const error = judge(thrown, action);
          expect(error).toBeInstanceOf(AwsError);
          expect(error.code).toMatch(/^[A-Za-z][A-Za-z0-9_.-]*$/);
          expect(error.message).not.toMatch(/undefined|\[object/);
        },
      ),
    );
  });

  it('of a write is never called without effect unless AWS has said so', () => {
    for (const thrown of [undefined, 'oops', new Error('oops'), new TypeError('oops'), {}]) {
      expect(judge(thrown)).toMatchObject({ class: 'transient', certain: false });
    }
  });
});

describe('an action', () => {
  it.each(['DescribeImages', 'GetCallerIdentity', 'ListImagesInRecycleBin', 'SearchTransitGatewayRoutes'])(
    '%s reads',
    (action) => {
      expect(isRead(action)).toBe(true);
    },
  );
  it.each(['CopyImage', 'CreateTags', 'DeregisterImage', 'AssumeRole', 'ModifyImageAttribute'])(
    '%s does not',
    (action) => {
      expect(isRead(action)).toBe(false);
    },
  );
});
