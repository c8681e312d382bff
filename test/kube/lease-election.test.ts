import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Clock, sleep } from '../../src/ambient/clock.ts';
import { between, type Random, seededRandom } from '../../src/ambient/random.ts';
import { VirtualClock } from '../../src/ambient/virtual-clock.ts';
import { KubeError } from '../../src/kube/errors.ts';
import { fencedTransport } from '../../src/kube/fenced-transport.ts';
import { type Leadership, LeaseElection } from '../../src/kube/lease-election.ts';
import type { Transport } from '../../src/kube/transport.ts';
import { KubeSimulator } from '../../src/simulator/kube/kube-simulator.ts';

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
const SECOND = 1000;

let clock: VirtualClock;
let kube: KubeSimulator;

beforeEach(() => {
  clock = new VirtualClock(Date.UTC(2026, 0, 1));
  kube = new KubeSimulator({ clock, random: seededRandom(1) });
  kube.handle({
    method: 'POST',
    url: LEASES,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'amifleet' } }),
  });
});

/** How a replica is tied to the API server: how long a request takes each way, and whether it arrives at all. */
interface Line {
  delayMs: () => number;
  cut: boolean;
}

function transportOver(line: Line): Transport {
  const unreachable = (): KubeError => new KubeError('the connection broke', { status: 0, reason: 'Unreachable' });
  return {
    send: async ({ method, path, body, contentType, signal, timeoutMs = 30_000 }) => {
      await sleep(clock, Math.min(line.delayMs(), timeoutMs), signal);
      if (line.cut) throw unreachable();
      const answer = kube.handle({
        method,
        url: path,
        headers: { 'content-type': contentType ?? 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      if (answer.kind !== 'answer') throw unreachable();
      await sleep(clock, line.delayMs(), signal);
      // It was carried out, and nobody hears of it.
      if (line.cut) throw unreachable();
      const { status, headers, body: text } = answer;
      return { status, headers, text: () => Promise.resolve(text), lines: () => never() };
    },
    close: () => Promise.resolve(),
  };
}

// oxlint-disable-next-line require-yield
async function* never(): AsyncGenerator<string> {
  throw new Error('a lease is not watched');
}

class Replica {
  readonly line: Line = { delayMs: () => 1, cut: false };
  readonly stop = new AbortController();
  readonly troubles: string[] = [];
  leadership: Leadership | undefined;

  constructor(identity: string, seed: number, own: Clock = clock) {
    const election = new LeaseElection(transportOver(this.line), {
      clock: own,
      random: seededRandom(seed),
      namespace: 'default',
      name: 'amifleet',
      identity,
      onTrouble: (error) => this.troubles.push(String(error)),
    });
    void this.#run(election);
  }

  async #run(election: LeaseElection): Promise<void> {
    try {
      this.leadership = await election.acquire(this.stop.signal);
    } catch {
      // It was stopped before.
    }
  }

  get holds(): boolean {
    return this.leadership?.holds() === true;
  }
}

describe('the lease', () => {
  it('goes to one of two, and the other waits for as long as it is kept', async () => {
    const replicas = [new Replica('a', 1), new Replica('b', 2)];
    await clock.advance(5 * SECOND);
    expect(replicas.map(({ holds }) => holds).filter(Boolean)).toHaveLength(1);
    await clock.advance(600 * SECOND);
    expect(replicas.map(({ holds }) => holds).filter(Boolean)).toHaveLength(1);
  });

  it('passes to the standby within 20 seconds after the leader was killed', async () => {
    const leader = new Replica('a', 1);
    await clock.advance(5 * SECOND);
    const standby = new Replica('b', 2);
    await clock.advance(60 * SECOND);
    leader.line.cut = true;
    const waited = await clock.runUntil(() => standby.holds, 60 * SECOND);
    expect(leader.holds).toBe(false);
    expect(waited).toBeLessThanOrEqual(20 * SECOND);
  });

  it('passes within a second and a quarter after the leader has given it back', async () => {
    const leader = new Replica('a', 1);
    await clock.advance(5 * SECOND);
    const standby = new Replica('b', 2);
    await clock.advance(60 * SECOND);
    const released = leader.leadership?.release();
    const waited = await clock.runUntil(() => standby.holds, 60 * SECOND);
    await released;
    expect(leader.holds).toBe(false);
    expect(waited).toBeLessThanOrEqual(1.25 * SECOND);
  });

  it('is lost, and the signal says why, when the API server is gone for longer than the renew deadline', async () => {
    const leader = new Replica('a', 1);
    await clock.advance(5 * SECOND);
    leader.line.cut = true;
    await clock.advance(7 * SECOND);
    expect(leader.holds).toBe(true);
    await clock.advance(4 * SECOND);
    expect(leader.holds).toBe(false);
    expect(String(leader.leadership?.lost.reason)).toContain('could not be renewed in time');
  });

  it('outlives a short outage', async () => {
    const leader = new Replica('a', 1);
    await clock.advance(5 * SECOND);
    leader.line.cut = true;
    await clock.advance(5 * SECOND);
    leader.line.cut = false;
    await clock.advance(60 * SECOND);
    expect(leader.holds).toBe(true);
  });

  it('is not there: that is said with what to do, and it is taken once it is', async () => {
    kube.handle({ method: 'DELETE', url: `${LEASES}/amifleet`, headers: {} });
    const replica = new Replica('a', 1);
    await clock.advance(10 * SECOND);
    expect(replica.holds).toBe(false);
    expect(replica.troubles[0]).toContain('there is no Lease amifleet in namespace default');
  });

  it('of a leader whose event loop stood still for longer than it lives is not acted on, not even once', async () => {
    let stalled = 0;
    // Its timers come late, but the time that it reads is right.
    const own: Clock = { ...clockOf(clock), after: (ms, run) => clock.after(ms + stalled, run) };
    const leader = new Replica('a', 1, own);
    await clock.advance(5 * SECOND);
    const standby = new Replica('b', 2);
    stalled = 120 * SECOND;
    await clock.runUntil(() => standby.holds, 200 * SECOND);
    expect(leader.holds).toBe(false);
    expect(leader.leadership?.lost.aborted).toBe(false);
  });

  it('a deadline that is not shorter than the lease is refused', () => {
    const options = { clock, random: seededRandom(1), namespace: 'n', name: 'l', identity: 'i' };
    const transport = transportOver({ delayMs: () => 0, cut: false });
    expect(() => new LeaseElection(transport, { ...options, renewDeadlineMs: 15_000 })).toThrow(RangeError);
  });
});

const clockOf = (inner: Clock): Clock => ({
  now: () => inner.now(),
  monotonic: () => inner.monotonic(),
  after: (ms, run) => inner.after(ms, run),
});

describe('whatever happens to the replicas', () => {
  /** What befalls one of three replicas, and how long it lasts. */
  const event = fc.record({
    replica: fc.nat(2),
    kind: fc.constantFrom('cut' as const, 'slow' as const, 'restore' as const, 'release' as const, 'restart' as const),
    afterMs: fc.nat(20_000),
  });

  it('never do two of them hold the lease, and in the end one does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 12 }), fc.nat(1000), async (events, seed) => {
        clock = new VirtualClock(Date.UTC(2026, 0, 1));
        kube = new KubeSimulator({ clock, random: seededRandom(seed) });
        kube.handle({
          method: 'POST',
          url: LEASES,
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'amifleet' } }),
        });
        const random: Random = seededRandom(seed);
        const everyone: Replica[] = [];
        const begin = (name: string): Replica => {
          const replica = new Replica(name, seed + everyone.length);
          replica.line.delayMs = () => between(random, 0, 800);
          everyone.push(replica);
          return replica;
        };
        const current = [begin('a'), begin('b'), begin('c')];
        const run = async (ms: number): Promise<void> => {
          const until = clock.monotonic() + ms;
          while (clock.monotonic() < until) {
            await clock.advance(Math.min(clock.untilNext() ?? ms, until - clock.monotonic()) || 1);
            expect(everyone.filter(({ holds }) => holds).length).toBeLessThanOrEqual(1);
          }
        };
        for (const [index, { replica, kind, afterMs }] of events.entries()) {
          await run(afterMs);
          const it = current[replica] as Replica;
          if (kind === 'cut') it.line.cut = true;
          if (kind === 'slow') it.line.delayMs = () => between(random, 0, 9000);
          if (kind === 'restore') {
            it.line.cut = false;
            it.line.delayMs = () => between(random, 0, 800);
          }
          if (kind === 'release') void it.leadership?.release();
          if (kind === 'release' || kind === 'restart') {
            it.line.cut ||= kind === 'restart';
            it.stop.abort(new Error('ended'));
            current[replica] = begin(`${'abc'[replica]}${index}`);
          }
        }
        for (const { line } of current) {
          line.cut = false;
          line.delayMs = () => between(random, 0, 800);
        }
        // One that has lost it is started anew by Kubernetes.
        for (const [index, one] of current.entries())
          if (one.leadership?.lost.aborted) current[index] = begin(`again-${index}`);
        await run(60_000);
        expect(current.filter(({ holds }) => holds)).toHaveLength(1);
      }),
      { numRuns: 60 },
    );
  });
});

describe('a fenced transport', () => {
  const request = { path: '/x' } as const;

  it('carries reads always, and writes only while it may', async () => {
    const sent: string[] = [];
    let may = true;
    const inner: Transport = {
      send: ({ method }) => {
        sent.push(method);
        return Promise.reject(new Error('no answer'));
      },
      close: () => Promise.resolve(),
    };
    const fenced = fencedTransport(inner, () => may);
    await expect(fenced.send({ ...request, method: 'PATCH' })).rejects.toThrow('no answer');
    may = false;
    await expect(fenced.send({ ...request, method: 'PATCH' })).rejects.toMatchObject({ reason: 'NotLeader' });
    await expect(fenced.send({ ...request, method: 'GET' })).rejects.toThrow('no answer');
    expect(sent).toEqual(['PATCH', 'GET']);
  });
});
