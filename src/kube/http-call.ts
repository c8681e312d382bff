import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import type { Clock } from '../ambient/clock.ts';
import { KubeError } from './errors.ts';
import type { KubeResponse } from './transport.ts';

export interface CallInput {
  /** The call, for people: `GET /api/v1/namespaces`. */
  readonly what: string;
  readonly options: http.RequestOptions;
  readonly body: string | undefined;
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Aborts the call, and the reading of its answer. */
  readonly signal: AbortSignal;
  /** Is told which connection the call uses. */
  readonly onSocket: (socket: Socket) => void;
}

export type Outcome =
  /** Exactly one of `response.text`, `response.lines` and `discard` is to be called. */
  | { readonly kind: 'answer'; readonly response: KubeResponse; discard(): void }
  | {
      readonly kind: 'failure';
      readonly error: KubeError;
      /**
       * How much of the request the server may have seen: nothing (no connection was made), perhaps all of it, or
       * nothing now and nothing later either (the server's certificate is not accepted).
       */
      readonly seen: 'nothing' | 'perhaps' | 'never';
    };

/**
 * One HTTP exchange, without retries.
 * @throws the signal's reason when it aborts before the headers of the answer are there
 */
export function httpCall(input: CallInput): Promise<Outcome> {
  const { what, options, clock, timeoutMs, signal } = input;
  return new Promise<Outcome>((resolve, reject) => {
    let request: http.ClientRequest;
    try {
      request = (options.protocol === 'http:' ? http : https).request(options);
    } catch (error) {
      resolve({ kind: 'failure', error: unsendable(what, error), seen: 'never' });
      return;
    }
    let response: http.IncomingMessage | undefined;
    let connected = false;
    /** Why we broke the exchange off ourselves; whatever error the socket then reports is only the echo of it. */
    let broken: { readonly reason: unknown } | undefined;

    const breakOff = (reason: unknown): void => {
      if (broken) return;
      broken = { reason };
      (response ?? request).destroy(reason instanceof Error ? reason : undefined);
      // A request that is destroyed before it has a socket reports nothing.
      if (!response) settle(undefined);
    };
    const onAbort = (): void => breakOff(signal.reason);
    const cancelTimer = clock.after(timeoutMs, () => breakOff(timedOut(what, options, timeoutMs)));
    const over = (): void => {
      cancelTimer();
      signal.removeEventListener('abort', onAbort);
    };
    const settle = (error: unknown): void => {
      over();
      const reason = broken ? broken.reason : error;
      if (signal.aborted) reject(signal.reason);
      else resolve({ kind: 'failure', error: toKubeError(what, options, reason), seen: seen(connected, reason) });
    };
    /** What went wrong while the body was read. */
    const bodyError = (error: unknown): unknown => {
      if (signal.aborted) return signal.reason;
      return toKubeError(what, options, broken ? broken.reason : error, 'the answer broke off, from');
    };

    request.on('error', settle);
    request.on('socket', (socket) => {
      input.onSocket(socket);
      if (socket.connecting)
        socket.once(options.protocol === 'http:' ? 'connect' : 'secureConnect', () => (connected = true));
      else connected = true;
    });
    request.on('response', (message) => {
      response = message;
      // Reported to whoever reads the body; without a listener Node would end the process for it.
      message.on('error', () => undefined);
      message.on('close', over);
      resolve({
        kind: 'answer',
        response: {
          status: message.statusCode ?? 0,
          headers: textHeaders(message),
          text: () => readAll(message, bodyError),
          lines: () => {
            cancelTimer();
            return readLines(message, bodyError);
          },
        },
        discard: () => message.resume(),
      });
    });
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    else request.end(input.body);
  });
}

async function readAll(message: http.IncomingMessage, toError: (error: unknown) => unknown): Promise<string> {
  message.setEncoding('utf8');
  let text = '';
  try {
    for await (const chunk of message) text += chunk as string;
  } catch (error) {
    throw toError(error);
  }
  return text;
}

async function* readLines(
  message: http.IncomingMessage,
  toError: (error: unknown) => unknown,
): AsyncGenerator<string, void> {
  // The decoder keeps a character whose bytes come in two chunks in one piece.
  message.setEncoding('utf8');
  let begun = '';
  try {
    for await (const chunk of message) {
      const [first = '', ...others] = (chunk as string).split('\n');
      begun += first;
      for (const next of others) {
        yield begun;
        begun = next;
      }
    }
  } catch (error) {
    throw toError(error);
  } finally {
    // Left early: nobody wants the rest, and a watch would go on for minutes.
    message.destroy();
  }
  if (begun !== '') yield begun;
}

function textHeaders({ headers }: http.IncomingMessage): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
  );
}

function seen(connected: boolean, reason: unknown): 'nothing' | 'perhaps' | 'never' {
  if (isCertificateProblem(codeOf(reason))) return 'never';
  return connected ? 'perhaps' : 'nothing';
}

function toKubeError(what: string, options: http.RequestOptions, error: unknown, trouble = 'cannot reach'): KubeError {
  if (error instanceof KubeError) return error;
  const code = codeOf(error);
  const advice = isCertificateProblem(code) ? '; check certificate-authority and server in the kubeconfig' : '';
  return new KubeError(`${what}: ${trouble} ${serverOf(options)}: ${messageOf(error)}${advice}`, {
    status: 0,
    reason: 'Unreachable',
    cause: error,
  });
}

function timedOut(what: string, options: http.RequestOptions, timeoutMs: number): KubeError {
  return new KubeError(`${what}: no answer from ${serverOf(options)} within ${timeoutMs / 1000} s`, {
    status: 0,
    reason: 'Timeout',
  });
}

/** Node refuses a header that holds a line break, for example; its message names the header, not the value. */
function unsendable(what: string, error: unknown): KubeError {
  return new KubeError(`${what}: the request cannot be sent: ${messageOf(error)}`, {
    status: 0,
    reason: codeOf(error) === 'ERR_INVALID_CHAR' ? 'CredentialsUnavailable' : 'Unreachable',
    cause: error,
  });
}

function serverOf({ protocol, hostname, port }: http.RequestOptions): string {
  return `${protocol}//${hostname}${port ? `:${port}` : ''}`;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

function isCertificateProblem(code: string): boolean {
  return code.includes('CERT') || code === 'UNABLE_TO_VERIFY_LEAF_SIGNATURE';
}

/** A name with several addresses fails with one error for each and no message of its own. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}
