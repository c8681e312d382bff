import type { Json } from './json-operations.ts';
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

/** What of a request decides whether IAM allows it. */
export interface SimRequestPlace {
  readonly service: Service;
  readonly action: string;
  readonly region: string;
  /** It asks for tags on what it makes. */
  readonly tagged: boolean;
}

/** What a request says about itself: who signed it, for what, and its parameters. */
export interface SignedRequest {
  readonly accessKey: string;
  readonly sessionToken: string | undefined;
  readonly region: string;
  readonly service: Service;
  readonly action: string | undefined;
  /** The parameters; of a request in JSON, its members as text. */
  readonly query: Query;
  /** Of a request in JSON. */
  readonly input: { readonly [name: string]: Json };
}

const SCOPE = /^([^/\s]+)\/\d{8}\/([a-z0-9-]+)\/([a-z0-9-]+)\/aws4_request$/;

/** The parts of a presigned URL that are no parameters of the call. */
const SIGNATURE = /^X-Amz-/i;

/** The service that a request is for, before anything is known to be right with it. */
export function serviceOf(request: SimRequest): Service {
  const service = scopeOf(request)?.[3] ?? '';
  return isService(service) ? service : 'ec2';
}

const isService = (text: string): text is Service => ['ec2', 'sts', 'kms', 'ssm'].includes(text);

/** @throws Refusal when it is not signed, or for a service that is not simulated */
export function readRequest(request: SimRequest): SignedRequest {
  const scope = scopeOf(request);
  if (!scope) throw new Refusal('MissingAuthenticationToken', 'Request is missing Authentication Token', 403);
  const [, accessKey = '', region = '', service = ''] = scope;
  if (!isService(service))
    throw new Refusal('InvalidAction', `The simulated AWS has the services ec2, sts, kms and ssm, not ${service}.`);
  const url = parametersOf(request);
  const signature = { accessKey, sessionToken: sessionTokenOf(request, url), region, service };
  if (service === 'kms' || service === 'ssm') {
    const input = jsonOf(request.body);
    const texts = Object.entries(input).map(([name, value]): [string, string] => [
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]);
    // `TrentService.DescribeKey`, `AmazonSSM.PutParameter`.
    const action = request.headers['x-amz-target']?.split('.')[1];
    return { ...signature, action, query: new Query(new Map(texts)), input };
  }
  const parameters = request.method === 'GET' ? url : new URLSearchParams(request.body);
  const values = new Map([...parameters].filter(([name]) => !SIGNATURE.test(name)));
  return { ...signature, action: values.get('Action'), query: new Query(values), input: {} };
}

const sessionTokenOf = ({ headers }: SimRequest, url: URLSearchParams): string | undefined =>
  headers['x-amz-security-token'] ?? url.get('X-Amz-Security-Token') ?? undefined;

function jsonOf(body: string): SignedRequest['input'] {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as SignedRequest['input'];
  } catch {
    // Said below.
  }
  throw new Refusal('SerializationException', 'The request is no JSON object');
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
