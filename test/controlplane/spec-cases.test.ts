import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/ambient/clock.ts';
import { customResourceDefinitions } from '../../src/api/crd.ts';
import { AMI_POLICY, API_VERSION, AWS_ACCOUNT } from '../../src/api/group.ts';
import { admit } from '../../src/api/validate.ts';
import { kubeTransport } from '../../src/kube/kube-transport.ts';
import { loadKubeConfig } from '../../src/kube/load-config.ts';
import type { Transport } from '../../src/kube/transport.ts';
import { arbitraryValue } from '../api/arbitrary-value.ts';
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

  describe('whatever is written', () => {
    it.each(customResourceDefinitions())(
      'file mode and the server agree on $spec.names.kind',
      async ({ spec }) => {
        const schema = spec.versions[0]!.schema.openAPIV3Schema;
        const arbitrary = fc.oneof(
          arbitraryValue(schema.properties!['spec']!, 1_000),
          arbitraryValue(schema.properties!['spec']!, 25),
        );
        const name = spec.names.kind === 'AmiPolicy' ? 'fuzzed' : '777788889999';
        const metadata = { name, ...(spec.scope === 'Namespaced' && { namespace: CASES_NAMESPACE }) };
        const base = { apiVersion: API_VERSION, kind: spec.names.kind as Manifest['kind'], metadata };
        const verdicts = { taken: 0, refused: 0 };
        await fc.assert(
          fc.asyncProperty(arbitrary, async (written) => {
            const object: Manifest = { ...base, spec: written };
            const ours = admit(schema, object);
            const response = await transport.send({
              method: 'POST',
              path: collection(object),
              query: { dryRun: 'All', fieldValidation: 'Ignore' },
              body: object,
            });
            const answer = JSON.parse(await response.text()) as {
              readonly spec?: unknown;
              readonly details?: { readonly causes?: readonly { readonly field: string }[] };
            };
            const fields = (list: readonly { readonly field: string }[]): string[] =>
              [...new Set(list.map(({ field }) => field))].filter((field) => !/^<(nil|root)>$/.test(field)).toSorted();
            verdicts[response.status === 201 ? 'taken' : 'refused']++;
            expect({
              taken: ours.errors.length === 0,
              spec: ours.errors.length === 0 ? (ours.value as Manifest).spec : undefined,
              fields: fields(ours.errors),
            }).toEqual({
              taken: response.status === 201,
              spec: response.status === 201 ? answer.spec : undefined,
              fields: fields(answer.details?.causes ?? []),
            });
          }),
          { numRuns: 1000, seed: 11 },
        );
        expect(verdicts.taken).toBeGreaterThan(5);
        expect(verdicts.refused).toBeGreaterThan(5);
      },
      60_000,
    );
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
