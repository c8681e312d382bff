import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { describeOnControlPlane } from './suite.ts';

const KUSTOMIZE = fileURLToPath(new URL('../../deploy/kustomize', import.meta.url));
const SYSTEM = 'amifleet-system';
const CONTROLLER = `system:serviceaccount:${SYSTEM}:amifleet`;
/** A ServiceAccount that nobody has given anything. */
const STRANGER = `system:serviceaccount:${SYSTEM}:stranger`;

interface Rule {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules?: readonly Rule[];
  readonly spec?: { readonly template?: { readonly spec: Readonly<Record<string, unknown>> } };
}

const documents = (file: string): Manifest[] =>
  parseAllDocuments(readFileSync(`${KUSTOMIZE}/${file}`, 'utf8')).map((document) => document.toJS() as Manifest);

const asText = ({ verbs, apiGroups, resources, resourceNames = [] }: Rule): string =>
  [verbs, apiGroups, resources, resourceNames].map((list) => [...list].toSorted().join(',')).join(' | ');

describeOnControlPlane('deploy/kustomize on a real API server', (plane) => {
  beforeAll(async () => {
    const { code, stderr } = await plane().kubectl(['apply', '--server-side', '--force-conflicts', '-k', KUSTOMIZE]);
    if (code !== 0) throw new Error(stderr);
    await plane().kubectl(['wait', '--for=condition=Established', 'crd', '--all']);
  });

  it('can be applied again, also client-side, and then nothing is left to change', async () => {
    const again = await plane().kubectl(['apply', '--server-side', '--dry-run=server', '-k', KUSTOMIZE]);
    expect(again).toMatchObject({ code: 0, stderr: '' });
    const clientSide = await plane().kubectl(['apply', '--validate=strict', '--dry-run=server', '-k', KUSTOMIZE]);
    expect(clientSide.code).toBe(0);
    expect(clientSide.stdout).toContain('deployment.apps/amifleet');
  });

  it('a pod of the Deployment passes the restricted pod security that the namespace demands', async () => {
    const [deployment] = documents('deployment.yaml');
    const spec = deployment!.spec!.template!.spec;
    const create = (parts: object): Promise<{ code: number | null; stderr: string }> => {
      const metadata = { name: 'pod', namespace: SYSTEM };
      const pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { ...spec, ...parts } };
      return plane().kubectl(['create', '--dry-run=server', '-f', '-'], JSON.stringify(pod));
    };
    expect(await create({})).toMatchObject({ code: 0, stderr: '' });
    const unsafe = await create({ hostNetwork: true });
    expect(unsafe.stderr).toContain('violates PodSecurity "restricted');
  });

  describe('the ServiceAccount of the controller', () => {
    async function may(verb: string, resource: string, ...more: string[]): Promise<boolean> {
      const args = ['auth', 'can-i', verb, resource, `--as=${CONTROLLER}`, '--as-group=system:authenticated'];
      const { stdout, stderr } = await plane().kubectl([...args, ...more]);
      expect(['yes', 'no']).toContain(stdout.trim());
      expect(stderr.replaceAll(/^Warning: .*$/gm, '').trim()).toBe('');
      return stdout.trim() === 'yes';
    }

    const ANYWHERE = ['-n', 'platform'];

    it.each<[string, string, string[]]>([
      ['get', 'amipolicies.amifleet.io', ANYWHERE],
      ['list', 'amipolicies.amifleet.io', ['-A']],
      ['watch', 'amipolicies.amifleet.io', ['-A']],
      ['patch', 'amipolicies.amifleet.io', ANYWHERE],
      ['patch', 'amipolicies.amifleet.io', [...ANYWHERE, '--subresource=status']],
      ['list', 'awsaccounts.amifleet.io', []],
      ['patch', 'awsaccounts.amifleet.io', []],
      ['patch', 'awsaccounts.amifleet.io', ['--subresource=status']],
      ['watch', 'awsaccounts.amifleet.io', []],
      ['get', 'namespaces/kube-system', []],
      ['create', 'events.events.k8s.io', ANYWHERE],
      ['patch', 'events.events.k8s.io', ANYWHERE],
    ])('may %s %s %j', async (verb, resource, more) => {
      expect(await may(verb, resource, ...more)).toBe(true);
    });

    it.each<[string, string, string[]]>([
      ['create', 'amipolicies.amifleet.io', ANYWHERE],
      ['update', 'amipolicies.amifleet.io', ANYWHERE],
      ['delete', 'amipolicies.amifleet.io', ANYWHERE],
      ['deletecollection', 'amipolicies.amifleet.io', ANYWHERE],
      ['update', 'amipolicies.amifleet.io', [...ANYWHERE, '--subresource=status']],
      ['create', 'awsaccounts.amifleet.io', []],
      ['delete', 'awsaccounts.amifleet.io', []],
      ['get', 'secrets', ANYWHERE],
      ['list', 'secrets', ['-A']],
      ['get', 'secrets', ['-n', SYSTEM]],
      ['get', 'configmaps', ['-n', SYSTEM]],
      ['get', 'namespaces/default', []],
      ['list', 'namespaces', []],
      ['list', 'events.events.k8s.io', ANYWHERE],
      ['delete', 'events.events.k8s.io', ANYWHERE],
      ['create', 'events', ANYWHERE],
      ['get', 'leases.coordination.k8s.io/other', ['-n', SYSTEM]],
      ['update', 'leases.coordination.k8s.io/other', ['-n', SYSTEM]],
      ['create', 'leases.coordination.k8s.io', ['-n', SYSTEM]],
      ['get', 'leases.coordination.k8s.io/amifleet', ['-n', 'kube-system']],
      ['create', 'serviceaccounts', ['-n', SYSTEM, '--subresource=token']],
      ['impersonate', 'users', []],
      ['*', '*', ['-A']],
    ])('may not %s %s %j', async (verb, resource, more) => {
      expect(await may(verb, resource, ...more)).toBe(false);
    });

    it('may do what rbac.yaml says, and nothing that it does not say', async () => {
      const rulesOf = async (user: string): Promise<string[]> => {
        const review = {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SelfSubjectRulesReview',
          spec: { namespace: SYSTEM },
        };
        const as = [`--as=${user}`, '--as-group=system:serviceaccounts', '--as-group=system:authenticated'];
        const args = ['create', '--validate=false', '-o', 'json', '-f', '-', ...as];
        const { stdout, stderr } = await plane().kubectl(args, JSON.stringify(review));
        if (stdout === '') throw new Error(stderr);
        const { status } = JSON.parse(stdout) as { status: { resourceRules: Rule[] } };
        return status.resourceRules.map(asText);
      };
      const everybodys = new Set(await rulesOf(STRANGER));
      const granted = (await rulesOf(CONTROLLER)).filter((rule) => !everybodys.has(rule));
      const written = documents('rbac.yaml').flatMap(({ rules = [] }) => rules.map(asText));
      expect(granted.toSorted()).toEqual(written.toSorted());
    });

    it('is granted nothing by wildcard', () => {
      const rules = [...documents('rbac.yaml'), ...documents('user-roles.yaml')].flatMap(({ rules = [] }) => rules);
      expect(rules.length).toBeGreaterThan(0);
      for (const rule of rules) expect(asText(rule)).not.toContain('*');
    });
  });

  describe('the roles for users', () => {
    it('whoever may view a namespace may view its policies; writing them is no part of any built-in role', () => {
      const [viewer, editor] = documents('user-roles.yaml') as (Manifest & {
        metadata: { labels?: Record<string, string> };
      })[];
      expect(Object.keys(viewer!.metadata.labels ?? {})).toContain('rbac.authorization.k8s.io/aggregate-to-view');
      expect(Object.keys(editor!.metadata.labels ?? {})).toEqual([]);
    });

    it.each([
      ['amifleet-viewer', 'get', 'yes'],
      ['amifleet-viewer', 'patch', 'no'],
      ['amifleet-editor', 'create', 'yes'],
      ['amifleet-editor', 'delete', 'yes'],
    ])('with %s one may %s policies: %s', async (role, verb, verdict) => {
      const binding = {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { name: `test-${role}`, namespace: SYSTEM },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: role }],
      };
      await plane().kubectl(['apply', '--server-side', '-f', '-'], JSON.stringify(binding));
      const args = ['auth', 'can-i', verb, 'amipolicies.amifleet.io', '-n', SYSTEM, `--as=${role}`];
      expect((await plane().kubectl(args)).stdout.trim()).toBe(verdict);
    });
  });
});
