import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/ambient/random.ts';
import { VirtualClock } from '../../../src/ambient/virtual-clock.ts';
import { KubeSimulator } from '../../../src/simulator/kube/kube-simulator.ts';

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/default/leases';

interface Lease {
  readonly metadata: Readonly<Record<string, string>>;
}

interface List {
  readonly items: readonly Lease[];
  readonly metadata: Readonly<Record<string, string | undefined>>;
}

const name = fc.constantFrom('a', 'b', 'c');
const write = fc.oneof(
  fc.record({ kind: fc.constant('label' as const), name, app: fc.constantFrom('web', 'db') }),
  fc.record({ kind: fc.constant('delete' as const), name }),
);
type Write = typeof write extends fc.Arbitrary<infer T> ? T : never;

class Server {
  readonly clock = new VirtualClock(0);
  readonly kube = new KubeSimulator({ clock: this.clock, random: seededRandom(1) });

  send(method: string, url: string, body?: object): unknown {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const headers = { 'content-type': type };
    const answer = this.kube.handle({ method, url, headers, ...(body && { body: JSON.stringify(body) }) });
    if (answer.kind !== 'answer') throw new Error(`no answer: ${answer.kind}`);
    return JSON.parse(answer.body);
  }

  list(query = ''): List {
    return this.send('GET', `${LEASES}${query}`) as List;
  }

  write(next: Write): void {
    if (next.kind === 'delete') {
      this.send('DELETE', `${LEASES}/${next.name}`);
      return;
    }
    const metadata = { name: next.name, labels: { app: next.app } };
    this.send('POST', LEASES, { metadata });
    this.send('PATCH', `${LEASES}/${next.name}`, { metadata });
  }

  /** What a watch from `version` to now makes of `before`. */
  async replay(before: readonly Lease[], version: string, query: string): Promise<readonly Lease[]> {
    const url = `${LEASES}?watch=true&resourceVersion=${version}&timeoutSeconds=1${query}`;
    const answer = this.kube.handle({ method: 'GET', url });
    if (answer.kind !== 'stream') throw new Error(`no watch: ${answer.kind}`);
    const copy = new Map(before.map((lease) => [lease.metadata['name'], lease]));
    const reading = (async () => {
      for await (const line of answer.lines) {
        const { type, object } = JSON.parse(line) as { type: string; object: Lease };
        if (type === 'DELETED') copy.delete(object.metadata['name']);
        else copy.set(object.metadata['name'], object);
      }
    })();
    await this.clock.advance(1_000);
    await reading;
    return [...copy.values()].toSorted((one, other) =>
      String(one.metadata['name']) < String(other.metadata['name']) ? -1 : 1,
    );
  }
}

/** In a list a builtin kind comes without its kind, in an event with it. */
const bare = (leases: readonly Lease[]): unknown[] => leases.map(({ metadata }) => metadata);

describe('a list and a watch from its version', () => {
  it.each(['', '&labelSelector=app%3Dweb', '&fieldSelector=metadata.name%3Da'])(
    'make the same copy as a later list, selected by "%s"',
    async (query) => {
      await fc.assert(
        fc.asyncProperty(fc.array(write), fc.array(write), async (earlier, later) => {
          const server = new Server();
          for (const next of earlier) server.write(next);
          const { items, metadata } = server.list(`?${query}`);
          for (const next of later) server.write(next);
          const copy = await server.replay(items, metadata['resourceVersion'] ?? '', query);
          expect(bare(copy)).toEqual(bare(server.list(`?${query}`).items));
        }),
        { numRuns: 25 },
      );
    },
  );
});

describe('the pages of a list', () => {
  it('are together the list at the moment of the first, whatever is written between them', () => {
    fc.assert(
      fc.property(fc.array(write), fc.array(write), (earlier, between) => {
        const server = new Server();
        for (const next of earlier) server.write(next);
        const whole = server.list();
        const pages: Lease[] = [];
        let next: string | undefined = '';
        for (let page = 0; next !== undefined; page++) {
          const { items, metadata } = server.list(`?limit=1&continue=${next}`);
          pages.push(...items);
          next = metadata['continue'];
          const write = between[page];
          if (write) server.write(write);
        }
        expect(pages).toEqual(whole.items);
      }),
      { numRuns: 50 },
    );
  });
});
