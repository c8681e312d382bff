/** One HTTP request, however it came in. */
export interface KubeSimRequest {
  readonly method: string;
  /** Path and query: `/apis/amifleet.io/v1alpha1/amipolicies?watch=true`. */
  readonly url: string;
  /** By lower-case name. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Empty where there is none. */
  readonly body?: string;
  /** Ends a watch. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * What comes back.
 * - **answer**: the whole body.
 * - **stream**: a watch, line by line (without line ends); the iteration fails when the connection breaks.
 * - **reset**: the connection breaks before there is an answer.
 * - **silence**: there is never an answer.
 */
export type KubeSimAnswer =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string;
    }
  | {
      readonly kind: 'stream';
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly lines: AsyncIterable<string>;
    }
  | { readonly kind: 'reset' }
  | { readonly kind: 'silence' };
