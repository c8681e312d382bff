import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/ambient/clock.ts';
import { AMI_POLICY, API_VERSION, AWS_ACCOUNT } from '../../src/api/group.ts';
import { kubeTransport } from '../../src/kube/kube-transport.ts';
import { loadKubeConfig } from '../../src/kube/load-config.ts';
import type { Transport } from '../../src/kube/transport.ts';
import { CASES_NAMESPACE, type Manifest, SPEC_CASES } from '../api/spec-cases.ts';
import { installCrds } from './install-crds.ts';
import { describeOnControlPlane } from './suite.ts';

interface Verdict {
  readonly status: number;
  readonly message: string;
  readonly resourceVersion?: string;
}

describeOnControlPlane('the schemas on a real API server', (plane) => {
  let transport: Transport;

  beforeAll(async () => {
    await installCrds(plane());
    transport = kubeTransport(loadKubeConfig(plane().kubeconfigPath), { clock: systemClock, userAgent: 'spec-cases' });
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: CASES_NAMESPACE } };
    const made = await plane().kubectl(['apply', '--server-side', '-f', '-'], JSON.stringify(namespace));
    if (made.code !== 0) throw new Error(made.stderr);
  });

  afterAll(() => transport?.close());

  const collection = ({ kind }: Manifest): string =>
    kind === 'AmiPolicy'
      ? `/apis/${API_VERSION}/namespaces/${CASES_NAMESPACE}/${AMI_POLICY.plural}`
      : `/apis/${API_VERSION}/${AWS_ACCOUNT.plural}`;

  async function ask(method: 'POST' | 'PUT', path: string, body: unknown, dryRun: boolean): Promise<Verdict> {
    const query = { fieldValidation: 'Strict', fieldManager: 'spec-cases', dryRun: dryRun ? 'All' : undefined };
    const response = await transport.send({ method, path, query, body });
    const answer = JSON.parse(await response.text()) as {
      readonly message?: string;
      readonly metadata?: { readonly resourceVersion?: string };
      readonly details?: { readonly causes?: readonly { readonly field?: string; readonly message?: string }[] };
    };
    const causes = answer.details?.causes?.map(({ field, message }) => `${field}: ${message}`) ?? [];
    return {
      status: response.status,
      message: [answer.message, ...causes].join('\n'),
      ...(answer.metadata?.resourceVersion && { resourceVersion: answer.metadata.resourceVersion }),
    };
  }

  async function verdictOn({ object, before }: { object: Manifest; before?: Manifest }): Promise<Verdict> {
    if (!before) return ask('POST', collection(object), object, true);
    const made = await ask('POST', collection(before), before, false);
    const path = `${collection(object)}/${object.metadata.name}`;
    const { metadata } = object;
    const changed = { ...object, metadata: { ...metadata, resourceVersion: made.resourceVersion } };
    const verdict = await ask('PUT', path, changed, true);
    await (await transport.send({ method: 'DELETE', path })).text();
    return verdict;
  }

  describe('a document that is', () => {
    it.each(SPEC_CASES.filter(({ refused }) => !refused))('accepted: $name', async (one) => {
      expect(await verdictOn(one)).toMatchObject({ status: one.before ? 200 : 201 });
    });

    it.each(SPEC_CASES.filter(({ refused }) => refused))('refused: $name', async (one) => {
      const { status, message } = await verdictOn(one);
      expect(message).toContain(one.refused!.message);
      expect(message).toContain(one.refused!.field === '<root>' ? one.object.kind : one.refused!.field);
      expect(status).toBe(422);
    });
  });

  it('a field that the schema does not know is refused under strict validation, by its path', async () => {
    const object = SPEC_CASES[0]!.object;
    const body = { ...object, spec: { ...(object.spec as object), regoins: [] } };
    expect(await ask('POST', collection(object), body, true)).toEqual({
      status: 400,
      message: expect.stringContaining('unknown field "spec.regoins"') as string,
    });
  });
});
