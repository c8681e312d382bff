import type { STSClientConfig } from '@aws-sdk/client-sts';
import type { Simulator } from '../../src/simulator/ec2/simulator.ts';
import type { Lifeline } from './lifeline.ts';

type Carrier = NonNullable<STSClientConfig['requestHandler']>;
type HandledRequest = Parameters<Extract<Carrier, { handle: unknown }>['handle']>[0];

/**
 * Carries the requests of the real AWS SDK to a simulated AWS without sockets, so that virtual time can stand still
 * while they are on their way. Everything above it is real: signing, serialising, parsing, retries.
 */
export function awsCarrier(aws: Simulator, life: Lifeline): Carrier {
  return {
    metadata: { handlerProtocol: 'http/1.1' },
    handle: async (request: HandledRequest) => {
      const query = Object.entries(request.query ?? {}).map(([name, value]) => `${name}=${String(value)}`);
      const body =
        typeof request.body === 'string'
          ? request.body
          : new TextDecoder().decode((request.body ?? new Uint8Array()) as Uint8Array);
      const target = request.headers['x-amz-target'] ?? request.headers['X-Amz-Target'];
      const action = target?.split('.')[1] ?? /(?:^|&)Action=(\w+)/.exec(body)?.[1] ?? '';
      const isChange = isMutation(action) && !/(?:^|&)DryRun=true/.test(body);
      const answer = await life.call(`aws ${action}`, isChange, () =>
        aws.handle({
          method: request.method,
          url: request.path + (query.length > 0 ? `?${query.join('&')}` : ''),
          headers: Object.fromEntries(
            Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), String(value)]),
          ),
          body,
        }),
      );
      if (answer.instead !== undefined)
        throw Object.assign(new Error(`socket ${answer.instead}`), {
          code: answer.instead === 'reset' ? 'ECONNRESET' : 'ETIMEDOUT',
        });
      return {
        response: {
          statusCode: answer.status,
          headers: { ...answer.headers },
          body: new TextEncoder().encode(answer.body),
        },
      };
    },
    updateHttpClientConfig: () => undefined,
    httpHandlerConfigs: () => ({}),
    destroy: () => undefined,
  } as Carrier;
}

const isMutation = (action: string): boolean => !/^(Describe|Get|List|Search|AssumeRole)/.test(action);
