import type { Target } from '../policy/model.ts';
import { AwsError, type AwsFailure, type ErrorClass } from './aws-error.ts';
import { hideCredentials } from './hide-credentials.ts';

/** The codes of ec2-facts, section 12, and those of STS. A code that is not listed is judged by its shape and HTTP status. */
const CLASSES: ReadonlyMap<string, ErrorClass> = new Map(
  Object.entries({
    throttle: [
      'RequestLimitExceeded',
      'Throttling',
      'ThrottlingException',
      'ThrottledException',
      'RequestThrottled',
      'RequestThrottledException',
      'EC2ThrottledException',
      'TooManyRequestsException',
      'SlowDown',
    ],
    capacity: [
      'ResourceLimitExceeded',
      'ParameterLimitExceeded',
      'TooManyUpdates',
      'PendingSnapshotLimitExceeded',
      'ConcurrentSnapshotLimitExceeded',
      'SnapshotLimitExceeded',
      'SnapshotCreationPerVolumeRateExceeded',
      'ConcurrentTagAccess',
    ],
    transient: [
      'Unavailable',
      'ServiceUnavailable',
      'InternalError',
      'InternalFailure',
      'InternalServerError',
      'DependencyTimeoutException',
      'KMSInternalException',
      'ServerInternal',
    ],
    notFound: [
      'ParameterNotFound',
      'InvalidAMIID.NotFound',
      'InvalidSnapshot.NotFound',
      'InvalidSnapshotID.NotFound',
      'NotFoundException',
    ],
    wrongState: [
      'ParameterAlreadyExists',
      'InvalidAMIID.Unavailable',
      'InvalidSnapshot.InUse',
      'IncorrectState',
      'IncorrectImageState',
      'IncorrectSnapshotState',
      // The token of a page that has expired: the listing is begun again.
      'InvalidNextToken',
      'InvalidPaginationToken',
    ],
    refused: [
      'OperationNotPermitted',
      'InvalidParameter',
      'InvalidParameterValue',
      'InvalidRequest',
      'InvalidAMIAttributeItemValue',
      'TagLimitExceeded',
      'UnsupportedOperation',
      'UnsupportedImageState',
    ],
    access: [
      'UnauthorizedOperation',
      'AccessDenied',
      'AccessDeniedException',
      'AuthFailure',
      'Blocked',
      'ExpiredToken',
      'ExpiredTokenException',
      'IncompleteSignature',
      'InvalidClientTokenId',
      'OptInRequired',
      'PendingVerification',
      'RegionDisabledException',
      'RequestExpired',
      'SignatureDoesNotMatch',
      'UnrecognizedClientException',
    ],
    mismatch: ['IdempotentParameterMismatch'],
    unsupported: ['InvalidAction', 'UnknownOperationException', 'NotImplemented'],
    bug: [
      'MissingParameter',
      'UnknownParameter',
      'InvalidParameterCombination',
      'MissingAction',
      'MalformedQueryString',
      'NoSuchVersion',
    ],
  } satisfies Record<ErrorClass, string[]>).flatMap(([kind, codes]) =>
    codes.map((code) => [code, kind as ErrorClass] as const),
  ),
);

/** The codes that are ours, or that mean something else than a failure. */
const OWN_CODES: ReadonlySet<string> = new Set([
  'UnknownRegion',
  'Timeout',
  'ConnectionFailed',
  'NoCredentials',
  'NotSupportedByEndpoint',
  'UnreadableAnswer',
  'DryRunOperation',
]);

/** Whether a code is one of the closed list that may be the label of a metric; AWS has others without number. */
export const isKnownCode = (code: string): boolean => CLASSES.has(code) || OWN_CODES.has(code);

const REMEDIES: Readonly<Record<ErrorClass, string>> = {
  throttle: 'It is tried again, more slowly',
  capacity: 'It is tried again in some minutes; if this stays, ask AWS for a higher quota',
  transient: 'It is tried again',
  notFound: '',
  wrongState: 'It is tried again later',
  refused: 'This stays until the policy or the image changes',
  access:
    'Check the role of the AwsAccount and the permissions that it gives, and that the region is enabled in the account',
  mismatch: '',
  unsupported: 'The endpoint that is used does not know this operation',
  bug: 'This is a fault of the controller: please report it',
};

/** Why a request was not accepted, where the words of AWS may quote a token, or say less than can be said. */
const OWN_WORDS: ReadonlyMap<string, Pick<AwsFailure, 'why' | 'remedy'>> = new Map([
  [
    'AuthFailure',
    {
      why: 'AWS does not accept the credentials',
      remedy:
        'Check that the region is enabled in the account, that the role of the AwsAccount exists, and the clock of this machine',
    },
  ],
  ['ExpiredToken', { why: 'the credentials have expired' }],
  ['ExpiredTokenException', { why: 'the credentials have expired' }],
  ['RequestExpired', { why: 'the credentials have expired, or the clock of this machine is wrong' }],
  ['InvalidClientTokenId', { why: 'AWS does not know the credentials' }],
  ['UnrecognizedClientException', { why: 'AWS does not know the credentials' }],
  [
    'SignatureDoesNotMatch',
    {
      why: 'the signature of the request was not accepted',
      remedy: 'Check the secret key and the clock of this machine',
    },
  ],
  ['IncompleteSignature', { why: 'the signature of the request was not accepted' }],
]);

/** Codes of Node and OpenSSL for a connection that failed. */
const CONNECTION_CODE = /^(E[A-Z_]+|ERR_(SSL|TLS)_\w+|UNABLE_TO_\w+|\w*CERT\w*)$/;
/** Of these, the ones after which a request may have arrived. */
const MAY_HAVE_ARRIVED: ReadonlySet<string> = new Set(['ECONNABORTED', 'ECONNRESET', 'EPIPE']);

/** Whether an action changes nothing, by its name. */
export const isRead = (action: string): boolean => /^(Describe|Get|List|Search)/.test(action);

/** What the SDK throws, as far as it matters here. */
interface Thrown {
  readonly name?: unknown;
  readonly message?: unknown;
  readonly code?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
}

/** What EC2 puts into the header Server. */
const EC2_SERVER = 'AmazonEC2';

/**
 * Classifies whatever was thrown by a call. What is unknown counts as transient and as possibly done: that leads to
 * another look, and to nothing else.
 * @param secrets texts that the message must not show
 */
export function toAwsError(error: unknown, action: string, target: Target, secrets: readonly string[] = []): AwsError {
  if (error instanceof AwsError) return error;
  const thrown: Thrown = typeof error === 'object' && error !== null ? error : { message: error };
  const failure = connectionFailure(thrown, target) ?? answerFailure(thrown, action, secrets);
  return new AwsError({ remedy: REMEDIES[failure.class], ...failure, action, target });
}

type Judged = Omit<AwsFailure, 'action' | 'target'>;

/** No answer, or not a whole one. The SDK calls a reset connection a TimeoutError, so Node's code goes first. */
function connectionFailure({ name, code, message }: Thrown, { region }: Target): Judged | undefined {
  if (code === 'ENOTFOUND' || textOf(message).startsWith('Region not accepted')) {
    return {
      class: 'access',
      code: 'UnknownRegion',
      certain: true,
      why: `there is no endpoint for a region ${region}`,
      remedy: 'Check the name of the region, and that this machine can resolve the names of AWS',
    };
  }
  if (code === 'ETIMEDOUT' || (name === 'TimeoutError' && code === undefined)) {
    return { class: 'transient', code: 'Timeout', certain: false, why: 'there was no answer in time' };
  }
  if (typeof code === 'string' && CONNECTION_CODE.test(code)) {
    return {
      class: 'transient',
      code: 'ConnectionFailed',
      certain: !MAY_HAVE_ARRIVED.has(code),
      why: `the connection failed (${code})`,
    };
  }
  return undefined;
}

function answerFailure(thrown: Thrown, action: string, secrets: readonly string[]): Judged {
  const name = textOf(thrown.name);
  const status = thrown.$metadata?.httpStatusCode;
  const why = readable(textOf(thrown.message), secrets) || 'no reason was given';
  if (name === 'CredentialsProviderError') {
    return {
      class: 'access',
      code: 'NoCredentials',
      certain: true,
      why: 'amifleet finds no AWS credentials of its own',
      remedy:
        'In a cluster give its service account an IAM role (EKS Pod Identity or IRSA); elsewhere set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    };
  }
  // Emulators answer an operation that they lack with 501, with an HTML page, or with a code that EC2 has for other things.
  const lacking = status === 501 || name === 'UnsupportedOperation' || (status === 500 && !CLASSES.has(name));
  // Emulators have the words of EC2, and neither its permissions nor the name of its server.
  const notAsEc2 = name === 'DryRunOperation' && thrown.$response?.headers?.['server'] !== EC2_SERVER;
  if ((lacking && isRead(action)) || notAsEc2) {
    return {
      class: 'unsupported',
      code: 'NotSupportedByEndpoint',
      certain: true,
      why: `the endpoint does not answer ${action} as EC2 does`,
    };
  }
  const known = CLASSES.get(name);
  if (known) {
    // The one AuthFailure that is about the image and not about the credentials (ec2-facts 7.2).
    const words = why.startsWith('Not authorized for') ? undefined : OWN_WORDS.get(name);
    return { class: known, code: name, certain: known !== 'transient', why, ...words };
  }
  // The SDK leaves its own errors without a name of their own: the answer was no XML.
  const code = /^[A-Z][A-Za-z0-9.]+$/.test(name) && name !== 'Error' && name !== 'Unknown' ? name : undefined;
  if (status === undefined || status >= 500 || status < 400) {
    return code === undefined
      ? {
          class: 'transient',
          code: 'UnreadableAnswer',
          certain: false,
          why: status === undefined ? why : `the answer (HTTP ${status}) was not one of AWS`,
        }
      : { class: 'transient', code, certain: false, why };
  }
  if (status === 429) return { class: 'throttle', code: code ?? 'Throttling', certain: true, why };
  if (code?.endsWith('.NotFound')) return { class: 'notFound', code, certain: true, why };
  if (status === 401 || status === 403) return { class: 'access', code: code ?? 'AccessDenied', certain: true, why };
  return {
    class: 'refused',
    code: code ?? `Http${status}`,
    certain: true,
    why: code === undefined ? `the answer was HTTP ${status}` : why,
  };
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Longer texts of AWS are cut. */
const LONGEST = 500;

/** The words of AWS without what belongs into no log: encoded blobs, request ids, keys, tokens and the given secrets. */
function readable(message: string, secrets: readonly string[]): string {
  let text = message;
  for (const secret of secrets) if (secret !== '') text = text.replaceAll(secret, '<hidden>');
  text = text
    .replaceAll(/\s*Deserialization error: to see the raw response[\s\S]*$/g, '')
    .replaceAll(/\s*Encoded authorization failure message: \S+/gi, '')
    .replaceAll(/\(?request[ _-]?id\W*[0-9a-f-]{36}\)?/gi, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
  text = hideCredentials(text);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
