import { beforeAll, describe, expect, it } from 'vitest';
import { customResourceDefinitions } from '../../src/api/crd.ts';
import type { StructuralSchema } from '../../src/api/structural.ts';
import { installCrds } from './install-crds.ts';
import { SAMPLES } from './samples.ts';
import { describeOnControlPlane } from './suite.ts';

/** Every field of a schema that has a description, by the path that `kubectl explain` takes. */
function explained(schema: StructuralSchema, path: string): [path: string, description: string][] {
  const inner = schema.type === 'array' ? (schema.items ?? {}) : schema;
  return Object.entries(inner.properties ?? {}).flatMap(([name, child]): [string, string][] => [
    ...(child.description === undefined ? [] : [[`${path}.${name}`, child.description] as [string, string]]),
    ...explained(child, `${path}.${name}`),
  ]);
}

const words = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();

describeOnControlPlane('the samples on a real API server', (plane) => {
  async function kubectl(args: readonly string[], stdin?: string): Promise<string> {
    const { code, stdout, stderr } = await plane().kubectl(args, stdin);
    expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
    return stdout;
  }

  beforeAll(async () => {
    await installCrds(plane());
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'platform' } };
    const { code, stderr } = await plane().kubectl(['apply', '--server-side', '-f', '-'], JSON.stringify(namespace));
    if (code !== 0) throw new Error(stderr);
  });

  describe.each(SAMPLES)('$file', ({ path, documents }) => {
    it.each([
      ['server-side', ['apply', '--server-side']],
      ['client-side', ['apply']],
    ])('is applied %s without a word of warning, and applying it again changes nothing', async (_, apply) => {
      await kubectl(['delete', '--ignore-not-found', '-f', path]);
      await kubectl([...apply, '--validate=strict', '-f', path]);
      const read = (field: string): Promise<string> =>
        kubectl(['get', '-f', path, '-o', `jsonpath={..metadata.${field}}`]);
      const generation = await read('generation');
      // The first write after the creation stores the default of the status, which the creation itself drops.
      await kubectl([...apply, '--validate=strict', '-f', path]);
      const before = await read('resourceVersion');
      const again = await kubectl([...apply, '--validate=strict', '-f', path]);
      expect(await read('resourceVersion')).toBe(before);
      expect(await read('generation')).toBe(generation);
      expect(again.trim().split('\n')).toHaveLength(documents.length);
    });
  });

  describe('kubectl explain', () => {
    it.each(customResourceDefinitions())('knows the text of every field of $spec.names.kind', async ({ spec }) => {
      const { singular } = spec.names;
      const schema = spec.versions[0]!.schema.openAPIV3Schema;
      const shown = words(await kubectl(['explain', `${singular}.spec`]));
      const depth = (path: string): number => path.split('.').length;
      const fields = explained(schema.properties!['spec']!, 'spec');
      for (const [, description] of fields.filter(([path]) => depth(path) === 2)) {
        expect(shown).toContain(words(description));
      }
      const deepest = fields.toSorted(([left], [right]) => depth(right) - depth(left));
      for (const [path, description] of deepest.slice(0, 5)) {
        expect(words(await kubectl(['explain', `${singular}.${path}`]))).toContain(words(description));
      }
    });
  });

  describe('kubectl get', () => {
    const columns = (line: string): string[] => line.trim().split(/ {2,}/);

    it('answers in one line whether a policy is fine, and if not why', async () => {
      const minimal = SAMPLES.find(({ file }) => file === 'minimal.yaml')!;
      await kubectl(['apply', '--server-side', '--force-conflicts', '-f', minimal.path]);
      const policy = minimal.documents.find(({ kind }) => kind === 'AmiPolicy')!;
      const { name, namespace } = policy.metadata;
      const get = async (...more: string[]): Promise<string[][]> =>
        (await kubectl(['get', 'amip', name, '-n', namespace!, ...more])).trim().split('\n').map(columns);
      const [unseen] = (await get()).slice(1);
      expect(unseen).toEqual([name, expect.stringMatching(/^\d+s$/) as string]);

      const status = {
        observedGeneration: 1,
        versionCount: 5,
        targetsReady: '12/14',
        pendingCopies: 3,
        conditions: [
          {
            type: 'Ready',
            status: 'False',
            reason: 'CopyInProgress',
            message: '3 copies are under way',
            lastTransitionTime: '2026-11-21T10:00:00Z',
          },
        ],
      };
      const body = { apiVersion: policy.apiVersion, kind: policy.kind, metadata: policy.metadata, status };
      const apply = ['apply', '--server-side', '--subresource=status', '--field-manager=test', '-f', '-'];
      await kubectl(apply, JSON.stringify(body));
      const [header, row] = await get();
      expect(header).toEqual(['NAME', 'READY', 'REASON', 'VERSIONS', 'TARGETS', 'PENDING', 'AGE']);
      expect(row).toEqual([
        name,
        'False',
        'CopyInProgress',
        '5',
        '12/14',
        '3',
        expect.stringMatching(/^\d+s$/) as string,
      ]);
      const [wide, wideRow] = await get('-o', 'wide');
      expect(wide?.slice(-4)).toEqual(['MODE', 'SUSPENDED', 'DELETION', 'MESSAGE']);
      expect(wideRow?.slice(-4)).toEqual(['Apply', 'false', 'Retain', '3 copies are under way']);
    });

    it('says of an account who may use it and how', async () => {
      const fleet = SAMPLES.find(({ file }) => file === 'shared-fleet.yaml')!;
      await kubectl(['apply', '--server-side', '--force-conflicts', '-f', fleet.path]);
      const [header, row] = (await kubectl(['get', 'awsacct', '222233334444', '-o', 'wide']))
        .trim()
        .split('\n')
        .map(columns);
      expect(header).toEqual([
        'NAME',
        'READY',
        'REASON',
        'REGIONS',
        'IMAGES',
        'ROLE',
        'AGE',
        'NAMESPACES',
        'READONLY',
        'MESSAGE',
      ]);
      expect(row?.join(' ')).toMatch(
        /^222233334444 .*arn:aws:iam::222233334444:role\/amifleet .*\["platform"\] +false/,
      );
    });

    it('finds both kinds in the category amifleet', async () => {
      const names = await kubectl(['get', 'amifleet', '-A', '-o', 'name']);
      expect(names).toContain('amipolicy.amifleet.io/web-base');
      expect(names).toContain('awsaccount.amifleet.io/111122223333');
    });
  });
});
