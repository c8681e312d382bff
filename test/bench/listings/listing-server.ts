import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parentPort } from 'node:worker_threads';
import { answerOf, type Listing } from './ec2-pages.ts';
import { ACCOUNT, pageIn, REGIONS } from './million.ts';

/**
 * EC2 with a million images, over HTTP and in a thread of its own, so that whoever reads them is measured alone. Says its
 * port to who has started it.
 */
const server = createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8');
  request.on('data', (chunk: string) => (body += chunk));
  request.on('end', () => {
    const parameters = new URLSearchParams(body);
    const region = /Credential=[^/]+\/\d+\/([^/]+)/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    response.writeHead(200, { 'content-type': 'text/xml' }).end(answer(parameters, REGIONS.indexOf(region)));
  });
});
server.listen(0, '127.0.0.1', () => parentPort?.postMessage((server.address() as AddressInfo).port, []));

function answer(parameters: URLSearchParams, target: number): string {
  const action = parameters.get('Action') as Listing | 'GetCallerIdentity';
  if (action === 'GetCallerIdentity')
    return answerOf(action, `<GetCallerIdentityResult><Account>${ACCOUNT}</Account></GetCallerIdentityResult>`);
  return pageIn(action, target, Number(parameters.get('NextToken') ?? '0'));
}
