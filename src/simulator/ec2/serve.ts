import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { parse } from 'yaml';
import type { AdjustableClock } from '../../ambient/adjustable-clock.ts';
import { parseFaults } from './faults.ts';
import { parseSeed } from './seed.ts';
import type { Simulator } from './simulator.ts';

export interface ServedSimulator {
  /** `http://127.0.0.1:<port>`, for AWS_ENDPOINT_URL. */
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * Serves the simulated AWS to any SDK over plain HTTP, and its control calls under `/_sim/`.
 * @param clock the clock that the simulator was made with
 */
export async function serveSimulator(
  simulator: Simulator,
  clock: AdjustableClock,
  options: { readonly host?: string; readonly port: number },
): Promise<ServedSimulator> {
  const host = options.host ?? '127.0.0.1';
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const url = request.url ?? '/';
      const body = Buffer.concat(chunks).toString('utf8');
      if (url.startsWith('/_sim/')) {
        const { status, document } = control(simulator, clock, request.method ?? 'GET', url, body);
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(document));
        return;
      }
      const headers: Record<string, string | undefined> = {};
      for (const [name, value] of Object.entries(request.headers))
        headers[name] = Array.isArray(value) ? value[0] : value;
      const answer = simulator.handle({ method: request.method ?? 'POST', url, headers, body });
      if (answer.instead === 'reset') request.socket.resetAndDestroy();
      else if (answer.instead === undefined) response.writeHead(answer.status, answer.headers).end(answer.body);
    });
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port, host, () => resolve());
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host}:${port}`,
    port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Controlled {
  readonly status: number;
  readonly document: unknown;
}

function control(simulator: Simulator, clock: AdjustableClock, method: string, url: string, body: string): Controlled {
  const ok = (document: unknown): Controlled => ({ status: 200, document });
  try {
    switch (`${method} ${url.split('?')[0]}`) {
      case 'POST /_sim/seed':
        simulator.reseed(parseSeed(parse(body)));
        return ok({});
      case 'POST /_sim/clock': {
        const { advanceSeconds } = (parse(body) ?? {}) as { advanceSeconds?: unknown };
        if (typeof advanceSeconds !== 'number' || !(advanceSeconds >= 0))
          throw new Error('advanceSeconds: must be a number, 0 or more');
        clock.advance(advanceSeconds * 1000);
        return ok({ now: new Date(clock.now()).toISOString() });
      }
      case 'GET /_sim/calls':
        return ok(simulator.calls());
      case 'DELETE /_sim/calls':
        simulator.resetCalls();
        return ok({});
      case 'GET /_sim/world':
        return ok(simulator.world());
      case 'POST /_sim/faults':
        simulator.setFaults(parseFaults(parse(body)));
        return ok({});
      case 'DELETE /_sim/faults':
        simulator.setFaults([]);
        return ok({});
      default:
        return {
          status: 404,
          document: {
            error: `${method} ${url}: the control calls are POST seed, POST clock, GET and DELETE calls, GET world, POST and DELETE faults`,
          },
        };
    }
  } catch (error) {
    return { status: 400, document: { error: error instanceof Error ? error.message : String(error) } };
  }
}
