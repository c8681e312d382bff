import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { expect, vi } from 'vitest';
import type { ServerIdentity } from './private-ca.ts';

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

export type Handler = (request: SeenRequest, response: http.ServerResponse) => void;

/** A real server on the loopback interface that answers what the test says, and counts. */
export interface LoopbackServer {
  readonly url: string;
  readonly requests: readonly SeenRequest[];
  /** Connections made so far. */
  readonly connections: () => number;
  readonly openConnections: () => number;
  /** Resolves when the n-th request (from 1) is there. */
  arrived(n: number): Promise<SeenRequest>;
  /** Fails when a connection is still open: a client that is closed must leave none. */
  stop(): Promise<void>;
}

export async function loopbackServer(handler: Handler, identity?: ServerIdentity): Promise<LoopbackServer> {
  const requests: SeenRequest[] = [];
  const waiting = new Map<number, (request: SeenRequest) => void>();
  const open = new Set<Socket>();
  let connections = 0;

  const onRequest = (incoming: http.IncomingMessage, response: http.ServerResponse): void => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const { method = '', url = '', headers } = incoming;
      const request = { method, url, headers, body: Buffer.concat(chunks).toString() };
      requests.push(request);
      waiting.get(requests.length)?.(request);
      handler(request, response);
    });
  };
  const server = identity ? https.createServer(identity, onRequest) : http.createServer(onRequest);
  server.keepAliveTimeout = 60_000;
  server.on('connection', (socket: Socket) => {
    connections++;
    open.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => open.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  return {
    url: `${identity ? 'https' : 'http'}://127.0.0.1:${port}`,
    requests,
    connections: () => connections,
    openConnections: () => open.size,
    arrived: (n) =>
      new Promise((resolve) => {
        const already = requests[n - 1];
        if (already) resolve(already);
        else waiting.set(n, resolve);
      }),
    stop: async () => {
      try {
        await vi.waitFor(() => expect(open.size, 'connections that are still open').toBe(0), {
          timeout: 2_000,
          interval: 5,
        });
      } finally {
        server.closeAllConnections();
        server.close();
      }
    },
  };
}

/** Answers with a JSON body. */
export function json(
  response: http.ServerResponse,
  status: number,
  body: unknown,
  headers: http.OutgoingHttpHeaders = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}
