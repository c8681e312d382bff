import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from '@prometheus-io/client';

/** A server for whoever watches over the process: `/metrics`, `/livez`, `/readyz`. */
export interface ProbeServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** What the probes answer from. */
export interface Probed {
  readonly registry: Registry;
  /** Why the process is not ready; undefined: it is. */
  readonly unready: () => string | undefined;
  /** Why the process should be started anew; undefined: it is well. */
  readonly unwell: () => string | undefined;
}

/**
 * @param address `host:port`, or `:port` for every interface; port 0 takes any
 * @throws Error when the address cannot be read or is taken
 */
export async function serveProbes(address: string, probed: Probed): Promise<ProbeServer> {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(address);
  if (!match) throw new Error(`--metrics-address must be HOST:PORT, for example 127.0.0.1:9090, not ${address}`);
  const host = match[1] ?? match[2];
  const server = http.createServer((request, response) => {
    answer(request.url ?? '/', probed).then(
      ({ status, type, body }) => response.writeHead(status, { 'content-type': type }).end(body),
      (error: unknown) => response.writeHead(500, { 'content-type': 'text/plain' }).end(String(error)),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(Number(match[3]), host || undefined, () => resolve());
  });
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

async function answer(url: string, { registry, unready, unwell }: Probed): Promise<Answer> {
  const plain = (status: number, body: string): Answer => ({ status, type: 'text/plain', body: `${body}\n` });
  const verdict = (trouble: string | undefined): Answer =>
    trouble === undefined ? plain(200, 'ok') : plain(503, trouble);
  switch (url.split('?')[0]) {
    case '/metrics':
      return { status: 200, type: registry.contentType, body: await registry.metrics() };
    case '/livez':
      return verdict(unwell());
    case '/readyz':
      return verdict(unready());
    default:
      return plain(404, 'here are /metrics, /livez and /readyz');
  }
}
