import { Counter, type Registry } from '@prometheus-io/client';
import { CONTROLLERS, type Parts } from '../../controller/observer.ts';
import type { KubeTry } from '../../kube/transport.ts';
import { pulledCounter, pulledGauge, type Series } from './pulled.ts';

/** The API server as this replica sees it. */
export class KubeMetrics {
  readonly #calls: Counter<'method' | 'code'>;

  constructor(registry: Registry, parts: () => Parts | undefined, monotonic: () => number) {
    this.#calls = new Counter({
      name: 'rest_client_requests_total',
      help: 'Calls to the API server, each try, by HTTP method and status; <error>: there was no answer.',
      labelNames: ['method', 'code'],
      registers: [registry],
    });
    pulledGauge(registry, {
      name: 'leader_election_master_status',
      help: '1 while this replica is the one that works, 0 while it stands by.',
      labelNames: [],
      read: () => [[{}, parts()?.leads() === true ? 1 : 0]],
    });
    pulledCounter(registry, {
      name: 'amifleet_watch_restarts_total',
      help: 'Lists and watches that were begun anew, by what had ended the one before: ended (by the server, as after its time), silent, expired or failed.',
      labelNames: ['controller', 'cause'],
      read: function* (): Generator<Series> {
        const { views } = parts() ?? {};
        for (const controller of views ? CONTROLLERS : [])
          for (const [cause, count] of Object.entries(views?.[controller].restarts() ?? {}))
            yield [{ controller, cause }, count];
      },
    });
    pulledGauge(registry, {
      name: 'amifleet_watch_age_seconds',
      help: 'Time since the API server last gave a sign of life on the watch; in calm it sends a bookmark every minute.',
      labelNames: ['controller'],
      read: function* (): Generator<Series> {
        for (const controller of CONTROLLERS) {
          const heard = parts()?.views[controller].lastContact();
          if (heard !== undefined) yield [{ controller }, (monotonic() - heard) / 1000];
        }
      },
    });
  }

  tried({ method, status }: KubeTry): void {
    this.#calls.inc({ method, code: status === undefined ? '<error>' : String(status) });
  }
}
