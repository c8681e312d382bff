import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/ambient/random.ts';
import { VirtualClock } from '../../src/ambient/virtual-clock.ts';
import { NodeClasses } from '../../src/controller/node-classes.ts';
import { KubeError } from '../../src/kube/errors.ts';
import type { KubeRequest, Transport } from '../../src/kube/transport.ts';
import { KubeSimulator } from '../../src/simulator/kube/kube-simulator.ts';
import { Karpenter, nodeClassKind } from '../kube/karpenter.ts';

const STOP = new AbortController().signal;
const ANY = { listing: 0, grants: 0, evidence: Number.NEGATIVE_INFINITY };

/** A cluster in which Karpenter is installed in some versions, and the way to it. */
function cluster(...versions: readonly string[]) {
  const clock = new VirtualClock(Date.UTC(2026, 0, 1));
  const kube = new KubeSimulator({ clock, random: seededRandom(1), kinds: versions.map(nodeClassKind) });
  const asked: KubeRequest[] = [];
  let instead: ((request: KubeRequest) => { status: number; body: string } | undefined) | undefined;
  const transport: Transport = {
    send: async (request) => {
      asked.push(request);
      await Promise.resolve();
      const answer = kube.handle({ method: request.method, url: request.path });
      if (answer.kind !== 'answer') throw new KubeError('no answer', { status: 0, reason: 'Unreachable' });
      const { status, body } = instead?.(request) ?? answer;
      return {
        status,
        headers: { 'content-type': 'application/json' },
        text: () => Promise.resolve(body),
        lines: () => {
          throw new Error('nothing is watched');
        },
      };
    },
    close: () => Promise.resolve(),
  };
  const answerWith = (answer: typeof instead): void => {
    instead = answer;
  };
  return {
    clock,
    asked,
    answerWith,
    transport,
    classes: new NodeClasses(transport, clock),
    karpenter: new Karpenter(kube, versions[0] ?? ''),
  };
}

describe('the EC2NodeClasses of a cluster', () => {
  it('are none where Karpenter is not installed', async () => {
    const { classes } = cluster();
    expect(await classes.read(ANY, STOP)).toEqual({ ok: true, value: [] });
  });

  it.each(['v1', 'v1beta1'])(
    'are read with their terms and what Karpenter has chosen, in version %s',
    async (version) => {
      const { classes, karpenter } = cluster(version);
      karpenter.choose('web', ['ami-1'], karpenter.apply('web', [{ tags: { app: 'web' }, name: '' }]));
      expect(await classes.read(ANY, STOP)).toEqual({
        ok: true,
        value: [{ name: 'web', terms: [{ tags: { app: 'web' } }], chosen: ['ami-1'] }],
      });
    },
  );

  it.each<[string, (karpenter: Karpenter) => void]>([
    ['has not looked yet', (karpenter) => karpenter.apply('web', [{ id: 'ami-1' }])],
    [
      'has looked at other terms',
      (karpenter) => {
        karpenter.choose('web', ['ami-2'], karpenter.apply('web', [{ id: 'ami-2' }]));
        karpenter.apply('web', [{ id: 'ami-1' }]);
      },
    ],
    [
      'has found nothing',
      (karpenter) => karpenter.choose('web', [], karpenter.apply('web', [{ id: 'ami-1' }]), 'False'),
    ],
  ])('tell nothing of what is chosen where Karpenter %s', async (_, prepare) => {
    const { classes, karpenter } = cluster('v1');
    prepare(karpenter);
    expect(await classes.read(ANY, STOP)).toEqual({ ok: true, value: [{ name: 'web', terms: [{ id: 'ami-1' }] }] });
  });

  it('tell nothing of what is chosen while they are being deleted', async () => {
    const { classes, answerWith } = cluster('v1');
    const status = {
      amis: [{ id: 'ami-2' }],
      conditions: [{ type: 'AMIsReady', status: 'True', observedGeneration: 3 }],
    };
    const spec = { amiSelectorTerms: [{ id: 'ami-1' }] };
    const going = { name: 'web', generation: 3, deletionTimestamp: '2026-01-01T00:00:00Z' };
    answerWith(({ path }) =>
      path.endsWith('ec2nodeclasses') ? { status: 200, body: list([{ metadata: going, spec, status }]) } : undefined,
    );
    expect(await classes.read(ANY, STOP)).toEqual({ ok: true, value: [{ name: 'web', terms: [{ id: 'ami-1' }] }] });
  });

  it.each<[string, (request: KubeRequest) => { status: number; body: string } | undefined, RegExp]>([
    [
      'may not be listed',
      ({ path }) => (path.endsWith('ec2nodeclasses') ? { status: 403, body: status('Forbidden', 403) } : undefined),
      /Forbidden/,
    ],
    [
      'cannot be discovered',
      ({ path }) => (path.endsWith('aws') ? { status: 503, body: status('ServiceUnavailable', 503) } : undefined),
      /ServiceUnavailable/,
    ],
    ['are answered with a page of some proxy', () => ({ status: 200, body: '<html>' }), /JSON|not valid|Unexpected/],
    [
      'have a form that nobody knows',
      ({ path }) =>
        path.endsWith('ec2nodeclasses')
          ? { status: 200, body: list([{ metadata: { name: 'odd' }, spec: { amiSelectorTerms: [{ id: 7 }] } }]) }
          : undefined,
      /EC2NodeClass odd cannot be understood/,
    ],
  ])('are unknown, and never none, where they %s', async (_, instead, why) => {
    const { classes, answerWith } = cluster('v1');
    answerWith(instead);
    expect(await classes.read(ANY, STOP)).toEqual({ ok: false, why: expect.stringMatching(why) as string });
  });

  it('are listed in another version where the preferred one does not have them', async () => {
    const { classes, karpenter, answerWith } = cluster('v1beta1', 'v1alpha1');
    karpenter.apply('web', [{ id: 'ami-1' }]);
    answerWith(({ path }) =>
      path.endsWith('aws')
        ? { status: 200, body: JSON.stringify({ versions: [{ version: 'v2' }, { version: 'v1beta1' }] }) }
        : undefined,
    );
    expect(await classes.read(ANY, STOP)).toMatchObject({ ok: true, value: [{ name: 'web' }] });
  });
});

describe('how often they are read', () => {
  it('once for all who are content with that, and anew for who is not', async () => {
    const { classes, clock, asked, karpenter } = cluster('v1');
    await Promise.all([classes.read(ANY, STOP), classes.read(ANY, STOP)]);
    await classes.read(ANY, STOP);
    expect(asked.map(({ path }) => path)).toEqual([
      '/apis/karpenter.k8s.aws',
      '/apis/karpenter.k8s.aws/v1/ec2nodeclasses',
    ]);
    await clock.advance(1000);
    karpenter.apply('web', [{ id: 'ami-1' }]);
    expect(await classes.read(ANY, STOP)).toEqual({ ok: true, value: [] });
    expect(await classes.read({ ...ANY, evidence: clock.monotonic() }, STOP)).toMatchObject({
      value: [{ name: 'web' }],
    });
  });

  it('again at every look while they cannot be read', async () => {
    const { classes, clock, answerWith } = cluster('v1');
    answerWith(() => ({ status: 500, body: 'broken' }));
    expect(await classes.read(ANY, STOP)).toMatchObject({ ok: false });
    answerWith(undefined);
    await clock.advance(1000);
    expect(await classes.read({ ...ANY, unanswered: clock.monotonic() }, STOP)).toEqual({ ok: true, value: [] });
  });

  it('an answer that comes late does not take the place of a newer one', async () => {
    const { classes, clock, transport, karpenter } = cluster('v1');
    const late = Promise.withResolvers<void>();
    const first = new NodeClasses(
      {
        ...transport,
        send: async (request) => {
          const answer = await transport.send(request);
          if (request.path.endsWith('ec2nodeclasses') && clock.monotonic() === 0) await late.promise;
          return answer;
        },
      },
      clock,
    );
    const begun = first.read(ANY, STOP);
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    await clock.advance(1000);
    karpenter.apply('web', [{ id: 'ami-1' }]);
    const second = await first.read({ ...ANY, evidence: clock.monotonic() }, STOP);
    late.resolve();
    expect(await begun).toEqual({ ok: true, value: [] });
    expect(second).toMatchObject({ value: [{ name: 'web' }] });
    expect(await first.read(ANY, STOP)).toMatchObject({ value: [{ name: 'web' }] });
    expect(await classes.read(ANY, STOP)).toMatchObject({ value: [{ name: 'web' }] });
  });
});

const status = (reason: string, code: number): string =>
  JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, code, message: reason });
const list = (items: readonly object[]): string => JSON.stringify({ metadata: { resourceVersion: '1' }, items });
