import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AmiPolicy } from '../../src/api/ami-policy.ts';
import { customResourceDefinitions } from '../../src/api/crd.ts';
import { AMI_POLICY, API_VERSION, FINALIZER } from '../../src/api/group.ts';
import type { PolicyStatus } from '../../src/api/policy-status.ts';
import { admit } from '../../src/api/validate.ts';
import { ensureFinalizer } from '../../src/kube/finalizer.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import type { ResourceClient } from '../../src/kube/resource-client.ts';
import { writeStatus } from '../../src/kube/status-writer.ts';
import type { Transport } from '../../src/kube/transport.ts';
import { arbitraryValue } from '../api/arbitrary-value.ts';
import type { Manifest } from '../api/spec-cases.ts';
import { policyClient } from './policy-client.ts';
import { SAMPLES } from './samples.ts';
import { describeOnControlPlane } from './suite.ts';

type Policy = AmiPolicy & KubeObject;

const NAMESPACE = 'gitops';

const STATUS: PolicyStatus = {
  observedGeneration: 1,
  conditions: [
    {
      type: 'Ready',
      status: 'True',
      reason: 'PolicyApplied',
      message: 'everything is as declared',
      lastTransitionTime: '2026-11-21T10:00:00Z',
      observedGeneration: 1,
    },
  ],
  versionCount: 1,
  targetsReady: '2/2',
  pendingCopies: 0,
  targets: [{ account: '111122223333', region: 'eu-west-1', ready: 1, wanted: 1 }],
  versions: [
    {
      name: 'web-base-1',
      sourceImage: 'ami-0123456789abcdef0',
      family: 'x86_64',
      created: '2026-11-20T10:00:00Z',
      stage: 'Wanted',
      ready: 1,
      wanted: 1,
    },
  ],
};

const policies = SAMPLES.flatMap(({ file, documents }) =>
  documents
    .filter(({ kind }) => kind === 'AmiPolicy')
    .map((document): [file: string, manifest: Manifest] => [
      file,
      { ...document, metadata: { ...document.metadata, namespace: NAMESPACE } },
    ]),
);

describeOnControlPlane('what a GitOps tool sees on a real API server', (plane) => {
  let transport: Transport;
  let client: ResourceClient<Policy>;

  beforeAll(async () => {
    ({ transport, client } = await policyClient<Policy>(plane(), NAMESPACE));
  });

  afterAll(() => transport?.close());

  const kubectl = async (args: readonly string[], body?: unknown): Promise<string> => {
    const { code, stdout, stderr } = await plane().kubectl(args, JSON.stringify(body));
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  };

  const live = async ({ metadata }: Manifest): Promise<Policy> => client.get(metadata.name, metadata.namespace);

  /** Without what every write changes. */
  const compared = ({ metadata, ...rest }: Policy): unknown => {
    const { resourceVersion: _, managedFields: __, ...kept } = metadata as Readonly<Record<string, unknown>>;
    return { metadata: kept, ...rest };
  };

  /** As the controller leaves a policy that it has dealt with. */
  async function settle(manifest: Manifest): Promise<Policy> {
    const marked = await ensureFinalizer(client, await live(manifest), FINALIZER);
    if (!marked) throw new Error('the policy is gone');
    await writeStatus(client, marked, STATUS);
    return live(manifest);
  }

  describe.each(policies)('the policy of %s, once the controller has dealt with it', (_, manifest) => {
    it.each([
      ['server-side', ['--server-side', '--field-manager=argocd-controller']],
      ['client-side', []],
    ])('shows no difference to what was applied %s', async (_, how) => {
      await kubectl(['apply', ...how, '-f', '-'], manifest);
      const before = await settle(manifest);
      const serverSide = ['--server-side', '--force-conflicts', '--field-manager=argocd-controller'];
      for (const dryRun of [how, serverSide, ['--server-side', '--field-manager=kustomize-controller']]) {
        const args = ['apply', ...dryRun, '--dry-run=server', '-o', 'json', '-f', '-'];
        const after = JSON.parse(await kubectl(args, manifest)) as Policy;
        expect(compared(after)).toEqual(compared(before));
      }
      expect(before.status).toEqual(STATUS);
      await client.patch(manifest.metadata.name, NAMESPACE, { metadata: { finalizers: [] } });
      await client.delete(manifest.metadata.name, NAMESPACE);
    });

    it('belongs to the controller in its status and its finalizer, and in nothing else', async () => {
      await kubectl(['apply', '--server-side', '--field-manager=argocd-controller', '-f', '-'], manifest);
      const { metadata } = await settle(manifest);
      const { managedFields } = metadata as unknown as {
        managedFields: {
          manager: string;
          operation: string;
          subresource?: string;
          fieldsV1: Record<string, unknown>;
        }[];
      };
      const ours = managedFields.filter(({ manager }) => manager !== 'argocd-controller');
      expect(
        ours.map(({ manager, operation, subresource, fieldsV1 }) => ({
          manager,
          operation,
          subresource,
          fields: Object.keys(fieldsV1),
        })),
      ).toEqual([
        { manager: 'amifleet', operation: 'Apply', subresource: 'status', fields: ['f:status'] },
        { manager: 'amifleet', operation: 'Update', subresource: undefined, fields: ['f:metadata'] },
      ]);
      expect(Object.keys(ours[1]!.fieldsV1['f:metadata'] as object)).toEqual(['f:finalizers']);
      await client.patch(manifest.metadata.name, NAMESPACE, { metadata: { finalizers: [] } });
      await client.delete(manifest.metadata.name, NAMESPACE);
    });
  });

  it('no spec that can be written shows a difference once the controller has dealt with it', async () => {
    const schema = customResourceDefinitions().find(({ spec }) => spec.names.kind === 'AmiPolicy')!.spec.versions[0]!
      .schema.openAPIV3Schema;
    const manifestOf = (spec: unknown): Manifest => ({
      apiVersion: API_VERSION,
      kind: 'AmiPolicy',
      metadata: { name: 'generated', namespace: NAMESPACE },
      spec,
    });
    const specs = arbitraryValue(schema.properties!['spec']!, 100_000).filter(
      (spec) => admit(schema, manifestOf(spec)).errors.length === 0,
    );
    const apply = async (manifest: Manifest, fieldManager: string, dryRun?: 'All'): Promise<Policy> => {
      const response = await transport.send({
        method: 'PATCH',
        path: `/apis/${API_VERSION}/namespaces/${NAMESPACE}/${AMI_POLICY.plural}/generated`,
        query: { fieldManager, dryRun, force: dryRun !== undefined },
        contentType: 'application/apply-patch+yaml',
        body: manifest,
      });
      const answer = JSON.parse(await response.text()) as Policy;
      expect(answer).toMatchObject({ kind: 'AmiPolicy' });
      return answer;
    };
    await fc.assert(
      fc.asyncProperty(specs, async (spec) => {
        const manifest = manifestOf(spec);
        await apply(manifest, 'argocd-controller');
        const before = await settle(manifest);
        expect(compared(await apply(manifest, 'argocd-controller', 'All'))).toEqual(compared(before));
        expect(compared(await apply(manifest, 'another-manager', 'All'))).toEqual(compared(before));
        await client.patch('generated', NAMESPACE, { metadata: { finalizers: [] } });
        await client.delete('generated', NAMESPACE);
      }),
      { numRuns: 60, seed: 3 },
    );
  }, 60_000);
});
