import { Query } from './query.ts';
import { Refusal } from './refusal.ts';
import type { Service } from './sts.ts';

/** An HTTP request, whoever carries it. Header names in lower case. */
export interface SimRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

/** What a request says about itself: who signed it, for what, and its parameters. */
export interface SignedRequest {
  readonly accessKey: string;
  readonly sessionToken: string | undefined;
  readonly region: string;
  readonly service: Service;
  readonly query: Query;
}

const SCOPE = /^([^/\s]+)\/\d{8}\/([a-z0-9-]+)\/([a-z0-9-]+)\/aws4_request$/;

/** The parts of a presigned URL that are no parameters of the call. */
const SIGNATURE = /^X-Amz-/i;

/** The service that a request is for, before anything is known to be right with it. */
export const serviceOf = (request: SimRequest): Service => (scopeOf(request)?.[3] === 'sts' ? 'sts' : 'ec2');

/** @throws Refusal when it is not signed, or for a service that is not simulated */
export function readRequest(request: SimRequest): SignedRequest {
  const scope = scopeOf(request);
  if (!scope) throw new Refusal('MissingAuthenticationToken', 'Request is missing Authentication Token', 403);
  const [, accessKey = '', region = '', service = ''] = scope;
  if (service !== 'ec2' && service !== 'sts')
    throw new Refusal('InvalidAction', `The simulated AWS has the services ec2 and sts, not ${service}.`);
  const url = parametersOf(request);
  const parameters = request.method === 'GET' ? url : new URLSearchParams(request.body);
  const values = new Map([...parameters].filter(([name]) => !SIGNATURE.test(name)));
  const sessionToken = request.headers['x-amz-security-token'] ?? url.get('X-Amz-Security-Token') ?? undefined;
  return { accessKey, sessionToken, region, service, query: new Query(values) };
}

const parametersOf = ({ url }: SimRequest): URLSearchParams => {
  const start = url.indexOf('?');
  return new URLSearchParams(start < 0 ? '' : url.slice(start + 1));
};

function scopeOf(request: SimRequest): RegExpExecArray | undefined {
  const header = /Credential=([^,\s]+)/.exec(request.headers['authorization'] ?? '')?.[1];
  const credential = header ?? parametersOf(request).get('X-Amz-Credential') ?? '';
  return SCOPE.exec(credential) ?? undefined;
}
