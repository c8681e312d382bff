import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';

/**
 * What becomes of the watches that are open.
 * - **cut**: their connections break.
 * - **silent**: they stay open, and nothing comes any more; new ones are as usual.
 * - **410, 429, 500**: they break, and then each client's next ones are answered so.
 */
export const WATCH_FAULTS = ['cut', 'silent', '410', '429', '500'] as const;
export type WatchFault = (typeof WATCH_FAULTS)[number];

const ANSWERS = {
  '410': { times: 1, reason: 'Expired', headers: {} },
  '429': { times: 2, reason: 'TooManyRequests', headers: { 'retry-after': '1' } },
  '500': { times: 2, reason: 'InternalError', headers: {} },
} as const;
type Refusal = keyof typeof ANSWERS;
const isRefusal = (fault: WatchFault): fault is Refusal => fault in ANSWERS;

export interface WatchProxy {
  readonly url: string;
  break(fault: WatchFault): void;
  /** Ends what `break` began: what was silent breaks off. */
  heal(): void;
  stop(): Promise<void>;
}

interface OpenWatch {
  readonly response: http.ServerResponse;
  silent: boolean;
}

/** Stands between clients, which come over plain HTTP, and an API server. */
export async function watchProxy(api: { readonly server: string; readonly ca: string | Buffer }): Promise<WatchProxy> {
  const agent = new https.Agent({ keepAlive: true, ca: api.ca });
  const watches = new Set<OpenWatch>();
  let refusing: Refusal | undefined;
  /** How often each client was refused. */
  const refused = new Map<string, number>();

  const server = http.createServer((request, response) => {
    const { method = 'GET', url = '/', headers } = request;
    const isWatch = /[?&]watch=(true|1)/.test(url);
    if (isWatch && refusing && refuse(refusing, `${headers['user-agent']} ${url.split('?')[0]}`, response)) return;
    const watch: OpenWatch = { response, silent: false };
    if (isWatch) watches.add(watch);
    const { host: _host, ...passed } = headers;
    const onward = https.request(new URL(url, api.server), { method, headers: passed, agent }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      answer.on('data', (chunk: Buffer) => {
        if (!watch.silent) response.write(chunk);
      });
      answer.on('end', () => {
        if (!watch.silent) response.end();
      });
      answer.on('error', () => response.destroy());
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => {
      watches.delete(watch);
      onward.destroy();
    });
    request.pipe(onward);
  });
  function refuse(refusal: Refusal, client: string, response: http.ServerResponse): boolean {
    const { times, reason, headers } = ANSWERS[refusal];
    const before = refused.get(client) ?? 0;
    if (before >= times) return false;
    refused.set(client, before + 1);
    const status = {
      apiVersion: 'v1',
      kind: 'Status',
      status: 'Failure',
      code: Number(refusal),
      reason,
      message: reason,
    };
    response.writeHead(Number(refusal), { 'content-type': 'application/json', ...headers }).end(JSON.stringify(status));
    return true;
  }
  const cut = (those: (watch: OpenWatch) => boolean): void => {
    for (const watch of [...watches].filter(those)) watch.response.destroy();
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    break: (fault) => {
      if (fault === 'silent') for (const watch of watches) watch.silent = true;
      else cut(() => true);
      refused.clear();
      refusing = isRefusal(fault) ? fault : undefined;
    },
    heal: () => {
      refusing = undefined;
      cut(({ silent }) => silent);
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      agent.destroy();
    },
  };
}
