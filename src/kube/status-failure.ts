import { type KubeCause, KubeError } from './errors.ts';

/** A text body longer than this is some proxy's page, not an explanation. */
const LONGEST_TEXT = 300;

/** What the API server answers instead of an object when it refuses: `kind: Status`. */
interface Status {
  readonly kind: 'Status';
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: {
    readonly retryAfterSeconds?: number;
    readonly causes?: readonly { readonly reason?: string; readonly message?: string; readonly field?: string }[];
  };
}

/** Reasons for answers that come without a Status: from the API server's outer layers or from a proxy before it. */
const REASON_OF_STATUS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  409: 'Conflict',
  410: 'Gone',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

/**
 * Makes the error for an answer that is one.
 * @param what the call, for people: `get amipolicies.amifleet.io platform/web-base`
 */
export function failureOf(
  what: string,
  answer: { readonly status: number; readonly headers: Readonly<Record<string, string | undefined>> },
  body: string,
): KubeError {
  const status = statusOf(body);
  return status
    ? failureOfStatus(what, status, answer.status, retryAfterMs(answer.headers))
    : new KubeError(`${what}: ${explain(answer.headers, body)} (HTTP ${answer.status})`, {
        status: answer.status,
        reason: REASON_OF_STATUS[answer.status] ?? `Http${answer.status}`,
        retryAfterMs: retryAfterMs(answer.headers),
      });
}

/** The error for the `object` of an ERROR event of a watch. */
export function failureOfEvent(what: string, object: unknown): KubeError {
  if (isStatus(object)) return failureOfStatus(what, object, object.code ?? 500, undefined);
  return new KubeError(`${what}: the server reported an error without saying which`, {
    status: 500,
    reason: 'InternalError',
  });
}

/**
 * `Retry-After` in milliseconds, undefined when it is absent. Kubernetes sends whole seconds; a date, which HTTP allows
 * as well, is not understood, because our clock need not be the server's.
 */
export function retryAfterMs(headers: Readonly<Record<string, string | undefined>>): number | undefined {
  const value = headers['retry-after'];
  return value !== undefined && /^\d{1,9}$/.test(value) ? Number(value) * 1000 : undefined;
}

function failureOfStatus(what: string, status: Status, code: number, retryAfter: number | undefined): KubeError {
  const reason = status.reason || REASON_OF_STATUS[code] || `Http${code}`;
  const seconds = status.details?.retryAfterSeconds;
  return new KubeError(`${what}: ${status.message || 'no message'} (${code} ${reason})`, {
    status: code,
    reason,
    retryAfterMs: retryAfter ?? (seconds === undefined ? undefined : seconds * 1000),
    causes: (status.details?.causes ?? []).map(
      ({ reason = '', message = '', field }): KubeCause =>
        field === undefined ? { reason, message } : { reason, message, field },
    ),
  });
}

function statusOf(body: string): Status | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    return isStatus(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function isStatus(value: unknown): value is Status {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'Status';
}

function explain(headers: Readonly<Record<string, string | undefined>>, body: string): string {
  const text = body.trim();
  const isText = headers['content-type']?.startsWith('text/plain') === true;
  if (isText && text !== '' && text.length <= LONGEST_TEXT) return text;
  return `answered ${headers['content-type'] ?? 'without a type'}, not a Kubernetes Status; is a proxy in between?`;
}
