import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { PROTOBUF, readProtobufNamespace } from './protobuf-namespace.ts';
import type { KubeSimAnswer, KubeSimRequest } from './request.ts';
import { StatusError } from './status-error.ts';

/** Who answers: the simulator, which needs no sockets. */
export interface KubeHandler {
  handle(request: KubeSimRequest): KubeSimAnswer;
}

export interface ServedKube {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly port: number;
  /** What a client sends as bearer token. */
  readonly token: string;
  /** A kubeconfig for this server, as text. */
  readonly kubeconfig: string;
  /** Breaks every connection and stops listening. */
  stop(): Promise<void>;
}

export interface ServeKubeOptions {
  /** Default: 127.0.0.1. */
  readonly host?: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly token: string;
}

/**
 * Serves the simulated API server over plain HTTP. A wrong token is refused and a missing one is not: kubectl sends no
 * credentials over plain HTTP, so they could not be asked for.
 */
export async function serveKube(kube: KubeHandler, options: ServeKubeOptions): Promise<ServedKube> {
  const { host = '127.0.0.1', token } = options;
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const url = request.url ?? '/';
      const { authorization } = request.headers;
      if (authorization !== undefined && authorization !== `Bearer ${token}`) {
        const status = new StatusError(401, 'Unauthorized', 'Unauthorized').toStatus();
        response.writeHead(401, { 'content-type': 'application/json' }).end(JSON.stringify(status));
        return;
      }
      const abort = new AbortController();
      response.on('close', () => abort.abort());
      const headers: Record<string, string | undefined> = Object.fromEntries(
        Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
      );
      const raw = Buffer.concat(chunks);
      const namespace = headers['content-type'] === PROTOBUF ? readProtobufNamespace(raw) : undefined;
      if (namespace) headers['content-type'] = 'application/json';
      const body = namespace ? JSON.stringify(namespace) : raw.toString('utf8');
      const answer = kube.handle({ method: request.method ?? 'GET', url, headers, body, signal: abort.signal });
      // A connection that breaks while it is written to is the client's to notice.
      send(answer, response).catch(() => response.destroy());
    });
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port, host, () => resolve());
  });
  const { port } = server.address() as AddressInfo;
  const url = `http://${host}:${port}`;
  return {
    url,
    port,
    token,
    kubeconfig: kubeconfigText(url, token),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function send(answer: KubeSimAnswer, response: http.ServerResponse): Promise<void> {
  switch (answer.kind) {
    case 'reset':
      response.socket?.resetAndDestroy();
      return;
    case 'silence':
      return;
    case 'answer':
      response.writeHead(answer.status, answer.headers).end(answer.body);
      return;
    default:
      response.writeHead(answer.status, answer.headers).flushHeaders();
      for await (const line of answer.lines) response.write(`${line}\n`);
      response.end();
  }
}

function kubeconfigText(url: string, token: string): string {
  return [
    'apiVersion: v1',
    'kind: Config',
    'current-context: amifleet',
    'clusters:',
    `- {name: amifleet, cluster: {server: "${url}"}}`,
    'users:',
    `- {name: amifleet, user: {token: ${JSON.stringify(token)}}}`,
    'contexts:',
    '- {name: amifleet, context: {cluster: amifleet, user: amifleet, namespace: default}}',
    '',
  ].join('\n');
}
