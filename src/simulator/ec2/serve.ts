import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AdjustableClock } from '../../ambient/adjustable-clock.ts';
import { control } from './control.ts';
import type { SimResponse, Simulator } from './simulator.ts';
import { ec2Error } from './xml.ts';

export interface ServedSimulator {
  /** `http://127.0.0.1:<port>`, for AWS_ENDPOINT_URL. */
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * Serves the simulated AWS to any SDK over plain HTTP, and its control calls under `/_sim/`.
 * @param clock the clock that the simulator was made with
 * @throws Error when it cannot listen there
 */
export async function serveSimulator(
  simulator: Simulator,
  clock: AdjustableClock,
  options: { readonly host?: string; readonly port: number },
): Promise<ServedSimulator> {
  const host = options.host ?? '127.0.0.1';
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    // A client that goes away in the middle of its request is its own affair.
    request.on('error', () => undefined);
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = 'GET', url = '/' } = request;
      const body = Buffer.concat(chunks).toString('utf8');
      const path = url.split('?')[0] ?? url;
      if (path.startsWith('/_sim/')) {
        const { status, document } = control(simulator, clock, { method, path, body });
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(document));
        return;
      }
      const headers: Record<string, string | undefined> = {};
      for (const [name, value] of Object.entries(request.headers))
        headers[name] = Array.isArray(value) ? value[0] : value;
      send(request, response, answerTo(simulator, { method, url, headers, body }));
    });
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'it is already in use: give another port, or 0' : error.message;
      reject(new Error(`the simulated AWS cannot listen at ${host}:${options.port}: ${why}`, { cause: error }));
    });
    server.listen(options.port, host, () => resolve());
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A mistake of the simulator's own is an internal error of one call, and not the end of it. */
function answerTo(simulator: Simulator, request: Parameters<Simulator['handle']>[0]): SimResponse {
  try {
    return simulator.handle(request);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { status: 500, headers: {}, body: ec2Error('InternalError', `The simulator failed: ${text}`, 'none') };
  }
}

function send(request: http.IncomingMessage, response: http.ServerResponse, answer: SimResponse): void {
  switch (answer.instead) {
    case undefined:
      response.writeHead(answer.status, answer.headers).end(answer.body);
      return;
    case 'reset':
      request.socket.resetAndDestroy();
      return;
    case 'silence':
      return;
    case 'cut': {
      const length = Buffer.byteLength(answer.body);
      response.writeHead(answer.status, { ...answer.headers, 'content-length': length * 2 + 1 });
      // What was sent must have left before the connection goes, or the client sees only the latter.
      response.write(answer.body, () => request.socket.destroySoon());
    }
  }
}
