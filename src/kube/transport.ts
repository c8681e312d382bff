/** One call to a Kubernetes API server. */
export interface KubeRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Absolute path on the server, already escaped: `/apis/amifleet.io/v1alpha1/amipolicies`. */
  readonly path: string;
  /** Query parameters; those that are undefined are left out. */
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Media type of the body. Default: `application/json`. */
  readonly contentType?: string;
  /** Default: `application/json`. */
  readonly accept?: string;
  /** Aborts the call, whatever it is doing, and the reading of its answer. Rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * How long one try may take, in milliseconds: until the headers for a caller that reads `lines`, until the last byte
   * for one that reads `text`. Default: 30,000.
   */
  readonly timeoutMs?: number;
  /** How often it may be tried in all. Default: 4. Give 1 where the caller has a back-off of its own. */
  readonly tries?: number;
}

/** One try of a call, for metrics. */
export interface KubeTry {
  readonly method: KubeRequest['method'];
  /** The HTTP status of the answer; undefined: there was none. */
  readonly status: number | undefined;
}

/** An answer whose headers are here. Exactly one of `text` and `lines` must be read, to its end or until it fails. */
export interface KubeResponse {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** The whole body. */
  text(): Promise<string>;
  /** The body line by line, as it comes in, without the line ends. Leaving the loop early closes the connection. */
  lines(): AsyncIterable<string>;
}

/**
 * The way to an API server. Any HTTP status is an answer, not an error; who calls turns it into one (see `failure`).
 */
export interface Transport {
  /**
   * @throws KubeError when there is no answer: reason `Unreachable`, `Timeout` or `CredentialsUnavailable`
   * @throws the reason of `request.signal` when that aborts
   */
  send(request: KubeRequest): Promise<KubeResponse>;
  /** Ends every call under way. Settles when the last connection is closed. */
  close(): Promise<void>;
}
