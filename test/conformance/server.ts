import http from 'node:http';
import https from 'node:https';
import type { Kubectl } from '../controlplane/kubectl.ts';

/** An API server, embedded or real, as a client sees it. */
export interface ConformanceServer {
  readonly url: string;
  readonly token: string;
  /** The certificate authority, PEM; absent over plain HTTP. */
  readonly ca?: string;
  /** Absent where there is no kubectl. */
  readonly kubectl?: Kubectl;
}

export interface Call {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Read only so many lines, as of a watch that would go on. */
  readonly lines?: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

/** One request, one answer; a watch is left after the wanted number of lines. */
export function call(server: ConformanceServer, { method, path, headers, body, lines }: Call): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const url = new URL(path, server.url);
    const client = url.protocol === 'https:' ? https : http;
    const request = client.request(
      url,
      {
        method,
        ...(server.ca !== undefined && { ca: server.ca }),
        headers: {
          authorization: `Bearer ${server.token}`,
          'user-agent': 'conformance/1',
          // Node would send the body of a DELETE without saying how long it is.
          ...(body !== undefined && { 'content-length': `${Buffer.byteLength(body)}` }),
          ...headers,
        },
      },
      (response) => {
        let text = '';
        const finish = (): void => resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
          if (lines === undefined || text.split('\n').length <= lines) return;
          text = `${text.split('\n').slice(0, lines).join('\n')}\n`;
          finish();
          request.destroy();
        });
        response.on('end', finish);
        response.on('error', reject);
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}
