/** One thing that is wrong with a request, as the API server's Status lists it. */
export interface KubeCause {
  readonly reason: string;
  readonly message: string;
  /** Path of the field it is about, for example `spec.source.account`. */
  readonly field?: string;
}

/**
 * A call to the Kubernetes API that did not succeed. `reason` is the word that programs may rely on: the one of the API
 * server's Status (`NotFound`, `Conflict`, ...), or, when there was no answer, one of
 * - `Unreachable`: no connection, or it broke. The server may or may not have carried out the request.
 * - `Timeout`: no answer within the time allowed. The same doubt.
 * - `CredentialsUnavailable`: the credentials of the kubeconfig could not be had, so nothing was sent.
 * - `NotLeader`: the lease was lost, so nothing was sent.
 * - `BadAnswer`: an answer that is not what the Kubernetes API answers; mostly some proxy on the way.
 *
 * The message says what was tried and why it failed. It never holds a credential: no headers, no request body, and of
 * the answer only what a Status says.
 */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  /** The HTTP status, 0 when there was no answer. */
  readonly status: number;
  readonly reason: string;
  /** How long the server asks us to wait, in milliseconds. */
  readonly retryAfterMs?: number;
  readonly causes: readonly KubeCause[];

  constructor(
    message: string,
    details: {
      readonly status: number;
      readonly reason: string;
      readonly retryAfterMs?: number | undefined;
      readonly causes?: readonly KubeCause[];
      readonly cause?: unknown;
    },
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.status = details.status;
    this.reason = details.reason;
    this.causes = details.causes ?? [];
    if (details.retryAfterMs !== undefined) this.retryAfterMs = details.retryAfterMs;
  }
}

/** The object, or the kind itself, does not exist. */
export function isNotFound(error: unknown): error is KubeError {
  return error instanceof KubeError && error.status === 404;
}

/** The object changed since it was read, or another field manager owns what was applied. */
export function isConflict(error: unknown): error is KubeError {
  return error instanceof KubeError && error.status === 409 && error.reason !== 'AlreadyExists';
}

/** The resourceVersion or the continue token is too old: list again from the start. */
export function isGone(error: unknown): error is KubeError {
  return error instanceof KubeError && (error.status === 410 || error.reason === 'Expired' || error.reason === 'Gone');
}
