import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request in the Query protocol of AWS. */
interface QueryRequest {
  readonly action: string;
  readonly parameters: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** From the signature. */
  readonly accessKey: string;
  readonly region: string;
  readonly service: string;
}

export type Answer = (request: QueryRequest, response: ServerResponse) => void;

/** A real HTTP server on loopback that stands for EC2 and STS. What it says is up to the test. */
export interface QueryServer extends AsyncDisposable {
  readonly url: string;
  readonly requests: QueryRequest[];
  /** How many connections were opened. */
  readonly connections: () => number;
  /** Sets what an action is answered with: the given answers one after the other, and then the last one for ever. */
  on(action: string, ...answers: Answer[]): void;
}

export async function queryServer(): Promise<QueryServer> {
  const requests: QueryRequest[] = [];
  const answers = new Map<string, Answer[]>();
  let connections = 0;
  const server = createServer((incoming, response) => {
    let body = '';
    incoming.setEncoding('utf8');
    incoming.on('data', (chunk: string) => (body += chunk));
    incoming.on('end', () => {
      const parameters = new URLSearchParams(body);
      const [accessKey = '', , region = '', service = ''] =
        /Credential=([^,]+)/.exec(incoming.headers.authorization ?? '')?.[1]?.split('/') ?? [];
      const action = parameters.get('Action') ?? '';
      const request = { action, parameters, headers: incoming.headers, accessKey, region, service };
      requests.push(request);
      const left = answers.get(action) ?? [failure(400, 'InvalidAction', `no such action: ${action}`)];
      const answer = left.length > 1 ? left.shift() : left[0];
      answer?.(request, response);
    });
  });
  server.on('connection', () => connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    connections: () => connections,
    on: (action, ...given) => answers.set(action, given),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

const XML = { 'content-type': 'text/xml;charset=UTF-8' };

/** What EC2 answers: the elements of the result directly under the root. */
export const success =
  (members = '', headers: Readonly<Record<string, string>> = {}): Answer =>
  ({ action, service }, response) => {
    const result = service === 'sts' ? `<${action}Result>${members}</${action}Result>` : members;
    response
      .writeHead(200, { ...XML, ...headers })
      .end(`<${action}Response><requestId>r-1</requestId>${result}</${action}Response>`);
  };

export const failure =
  (status: number, code: string, message = code, headers: Readonly<Record<string, string>> = {}): Answer =>
  ({ service }, response) => {
    const error = `<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
    const id = '0b1c2d3e-1111-2222-3333-444455556666';
    response
      .writeHead(status, { ...XML, ...headers })
      .end(
        service === 'sts'
          ? `<ErrorResponse>${error}<RequestId>${id}</RequestId></ErrorResponse>`
          : `<Response><Errors>${error}</Errors><RequestID>${id}</RequestID></Response>`,
      );
  };

export const html =
  (status: number): Answer =>
  (_, response) => {
    response
      .writeHead(status, { 'content-type': 'text/html' })
      .end(
        '<!doctype html><html lang=en><title>Internal Server Error</title><h1>Internal Server Error</h1><p>Sorry.</p>',
      );
  };

export const reset: Answer = (_, response) => response.socket?.destroy();

/** Never an answer. */
export const silence: Answer = () => undefined;

/** An answer that stops in the middle. */
export const stall: Answer = (_, response) => {
  response.writeHead(200, { ...XML, 'content-length': '1000' }).write('<DescribeImagesResponse>');
};

export const garbage: Answer = (_, response) => {
  response.writeHead(200, XML).end('<DescribeImagesResponse><imagesSet><item>');
};

/** Keys as AssumeRole gives them, good until `expiration`. */
export const session = (accessKey: string, expiration: Date): Answer =>
  success(
    `<Credentials><AccessKeyId>${accessKey}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>` +
      `<SessionToken>token</SessionToken><Expiration>${expiration.toISOString()}</Expiration></Credentials>`,
  );

export const callerIn = (account: string): Answer => success(`<Account>${account}</Account>`);
