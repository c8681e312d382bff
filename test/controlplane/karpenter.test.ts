import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/ambient/clock.ts';
import { NodeClasses } from '../../src/controller/node-classes.ts';
import { kubeTransport } from '../../src/kube/kube-transport.ts';
import { loadKubeConfig } from '../../src/kube/load-config.ts';
import type { Transport } from '../../src/kube/transport.ts';
import type { Answer } from '../../src/policy/model.ts';
import type { NodeClass } from '../../src/policy/node-classes.ts';
import { nodeClassKind } from '../kube/karpenter.ts';
import { until } from '../process/until.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { serviceAccountKubeconfig } from './service-account.ts';
import { describeOnControlPlane } from './suite.ts';

const KUSTOMIZE = fileURLToPath(new URL('../../deploy/kustomize', import.meta.url));
const SYSTEM = 'amifleet-system';
const STOP = new AbortController().signal;

/** The definition of the kind, as far as it matters here. */
function definition(): object {
  const { group, version, plural, singular, kind, listKind, schema } = nodeClassKind('v1');
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Cluster',
      names: { plural, singular, kind, listKind },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          schema: { openAPIV3Schema: schema },
        },
      ],
    },
  };
}

/** It has an API server to itself, because at first there must be no Karpenter in it. */
describeOnControlPlane('the EC2NodeClasses of a real API server', () => {
  let plane: ControlPlane;
  const transports: Transport[] = [];

  const kubectl = async (args: readonly string[], stdin?: object): Promise<string> => {
    const { code, stdout, stderr } = await plane.kubectl([...args], stdin && JSON.stringify(stdin));
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const as = async (serviceAccount: string): Promise<() => Promise<Answer<readonly NodeClass[]>>> => {
    const config = loadKubeConfig(await serviceAccountKubeconfig(plane, SYSTEM, serviceAccount));
    const transport = kubeTransport(config, { clock: systemClock, userAgent: 'amifleet/test' });
    transports.push(transport);
    const classes = new NodeClasses(transport, systemClock);
    const now = (): number => systemClock.monotonic();
    return () => classes.read({ listing: 0, grants: 0, evidence: now() }, STOP);
  };
  let read: () => Promise<Answer<readonly NodeClass[]>>;

  beforeAll(async () => {
    plane = await startControlPlane();
    await kubectl(['apply', '--server-side', '-k', KUSTOMIZE]);
    read = await as('amifleet');
  });
  afterAll(async () => {
    for (const transport of transports) await transport.close();
    await plane?.stop();
  });

  it('are none before Karpenter is installed, and are seen as soon as it is', async () => {
    expect(await read()).toEqual({ ok: true, value: [] });
    await kubectl(['apply', '--server-side', '-f', '-'], definition());
    await kubectl(['wait', '--for=condition=Established', 'crd', '--all']);
    const spec = { amiSelectorTerms: [{ id: 'ami-1' }] };
    const object = { apiVersion: 'karpenter.k8s.aws/v1', kind: 'EC2NodeClass', metadata: { name: 'nodes' }, spec };
    await until('kubectl knows the kind', () => kubectl(['apply', '--server-side', '-f', '-'], object));
    const found = await until('it is discovered', async () => {
      const answer = await read();
      return answer.ok && answer.value.length > 0 && answer.value;
    });
    expect(found).toEqual([{ name: 'nodes', terms: [{ id: 'ami-1' }] }]);
  });

  it('tell what Karpenter has chosen by their terms, and no more once these are others', async () => {
    const conditions = [{ type: 'AMIsReady', status: 'True', observedGeneration: 1 }];
    const patch = { status: { amis: [{ id: 'ami-1', requirements: [] }], conditions } };
    const status = ['--subresource=status', '--type=merge', '-p', JSON.stringify(patch)];
    await kubectl(['patch', 'ec2nodeclass', 'nodes', ...status]);
    expect(await read()).toMatchObject({ value: [{ name: 'nodes', chosen: ['ami-1'] }] });
    const spec = { amiSelectorTerms: [{ tags: { app: 'web' } }] };
    await kubectl(['patch', 'ec2nodeclass', 'nodes', '--type=merge', '-p', JSON.stringify({ spec })]);
    expect(await read()).toEqual({ ok: true, value: [{ name: 'nodes', terms: [{ tags: { app: 'web' } }] }] });
  });

  it('are unknown to whoever may not list them', async () => {
    const stranger = await as('stranger');
    expect(await stranger()).toEqual({ ok: false, why: expect.stringMatching(/ec2nodeclasses.*forbidden/) as string });
  });

  it.each(['get', 'watch', 'patch', 'update', 'delete'])('the controller may not %s them', async (verb) => {
    const controller = [`--as=system:serviceaccount:${SYSTEM}:amifleet`, '--as-group=system:authenticated'];
    const may = async (what: string): Promise<string> =>
      (await plane.kubectl(['auth', 'can-i', what, 'ec2nodeclasses.karpenter.k8s.aws', ...controller])).stdout.trim();
    expect(await may('list')).toBe('yes');
    expect(await may(verb)).toBe('no');
  });
});
