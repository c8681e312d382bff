import { type Clock, sleep } from '../../src/ambient/clock.ts';
import { KubeError } from '../../src/kube/errors.ts';
import type { KubeRequest, KubeResponse, KubeTry, Transport } from '../../src/kube/transport.ts';
import type { KubeSimulator } from '../../src/simulator/kube/kube-simulator.ts';
import type { KubeSimAnswer } from '../../src/simulator/kube/request.ts';
import type { Lifeline } from './lifeline.ts';

const TIMEOUT_MS = 30_000;

/**
 * The way from a controller to an embedded API server without sockets. It tries nothing again, which is harsher than
 * the real transport: whatever fails must be made good by the controller's own queue.
 */
export function kubeCarrier(
  kube: KubeSimulator,
  clock: Clock,
  life: Lifeline,
  onTry: (made: KubeTry) => void = () => undefined,
): Transport {
  const told = (method: KubeRequest['method'], response: KubeResponse): KubeResponse => {
    onTry({ method, status: response.status });
    return response;
  };
  const unanswered = (method: KubeRequest['method'], error: KubeError): KubeError => {
    onTry({ method, status: undefined });
    return error;
  };
  return {
    send: async (request) => {
      request.signal?.throwIfAborted();
      const name = `kube ${request.method} ${request.path}`;
      if (life.isPartitioned)
        throw unanswered(request.method, new KubeError(`${name}: no connection`, { status: 0, reason: 'Unreachable' }));
      const answer = await life.call(name, request.method !== 'GET', () => kube.handle(asSent(request)));
      switch (answer.kind) {
        case 'answer':
          return told(request.method, wholly(answer.status, answer.headers, answer.body));
        case 'stream':
          return told(request.method, streaming(answer, life));
        case 'reset':
          throw unanswered(
            request.method,
            new KubeError(`${name}: the connection broke`, { status: 0, reason: 'Unreachable' }),
          );
        default:
          await sleep(clock, request.timeoutMs ?? TIMEOUT_MS, request.signal);
          throw unanswered(
            request.method,
            new KubeError(`${name}: no answer in time`, { status: 0, reason: 'Timeout' }),
          );
      }
    },
    close: () => Promise.resolve(),
  };
}

function asSent({ method, path, query = {}, body, contentType, accept, signal }: KubeRequest) {
  const parameters = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  return {
    method,
    url: parameters.length === 0 ? path : `${path}?${parameters.join('&')}`,
    headers: {
      accept: accept ?? 'application/json',
      'content-type': contentType ?? 'application/json',
      'user-agent': 'amifleet/test',
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal,
  };
}

const wholly = (status: number, headers: KubeResponse['headers'], body: string): KubeResponse => ({
  status,
  headers,
  text: () => Promise.resolve(body),
  async *lines() {
    yield* body.split('\n').filter((line) => line !== '');
  },
});

function streaming(answer: Extract<KubeSimAnswer, { kind: 'stream' }>, life: Lifeline): KubeResponse {
  return {
    status: answer.status,
    headers: answer.headers,
    text: () => Promise.reject(new Error('a watch has no end to wait for')),
    async *lines() {
      for await (const line of answer.lines) {
        // A dead controller hears nothing more; its watch ends with it.
        if (life.isCut) return;
        yield line;
      }
    },
  };
}
