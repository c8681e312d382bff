import { KubeError } from './errors.ts';
import type { Transport } from './transport.ts';

/** A transport that carries writes only while `mayWrite` says so: after a lost lease nothing is written any more (S10). */
export function fencedTransport(transport: Transport, mayWrite: () => boolean): Transport {
  return {
    send: async (request) => {
      if (request.method !== 'GET' && !mayWrite()) {
        throw new KubeError(`${request.method} ${request.path}: not sent, because this replica is not the leader`, {
          status: 0,
          reason: 'NotLeader',
        });
      }
      return await transport.send(request);
    },
    close: () => transport.close(),
  };
}
