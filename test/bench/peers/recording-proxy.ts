import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/** One call of AWS that went through the proxy. */
export interface RecordedCall {
  /** `CopyImage`. */
  readonly action: string;
  readonly mutates: boolean;
  /** When it came and when it was answered, milliseconds of `performance.now()`. */
  readonly begun: number;
  readonly ended: number;
}

export interface RecordingProxy {
  readonly url: string;
  /** What went through since the last call of this, in the order of the answers. */
  readonly take: () => RecordedCall[];
  stop(): Promise<void>;
}

const READS = /^(Describe|Get|List|Assume)/;

/**
 * Stands in front of an emulated AWS that is on this machine, writes down every call, and holds each up as long as a real
 * network and a real EC2 would. Calls do not wait for each other.
 * @param delayMs how long each is held up, before it is passed on
 */
export async function recordingProxy(endpoint: string, delayMs: number): Promise<RecordingProxy> {
  const agent = new http.Agent({ keepAlive: true });
  let calls: RecordedCall[] = [];
  const server = http.createServer((request, response) => {
    void pass(request, response).catch(() => response.destroy());
  });
  async function pass(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const begun = performance.now();
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    if (delayMs > 0) await wait(delayMs);
    const { method = 'GET', url = '/', headers } = request;
    const answer = await forward(new URL(url, endpoint), { method, headers, agent }, body);
    const action = actionOf(body);
    calls.push({ action, mutates: !READS.test(action), begun, ended: performance.now() });
    response.writeHead(answer.status, answer.headers).end(answer.body);
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    take: () => {
      const taken = calls;
      calls = [];
      return taken;
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      agent.destroy();
    },
  };
}

/** EC2 and STS are asked by a form. */
const actionOf = (body: Buffer): string => new URLSearchParams(body.toString()).get('Action') ?? 'unknown';

function forward(
  url: URL,
  options: http.RequestOptions,
  body: Buffer,
): Promise<{ readonly status: number; readonly headers: http.IncomingHttpHeaders; readonly body: Buffer }> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, options, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 502, headers: answer.headers, body: Buffer.concat(chunks) }),
      );
    });
    request.on('error', reject);
    request.end(body);
  });
}
