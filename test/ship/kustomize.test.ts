import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import packageJson from '../../package.json' with { type: 'json' };
import { controllerCommand } from '../../src/cli/commands/controller.ts';
import { dockerfileStages, instructions } from './dockerfile.ts';

const FOLDER = fileURLToPath(new URL('../../deploy/kustomize/', import.meta.url));

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}
interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly Rule[];
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
  readonly periodSeconds: number;
  readonly failureThreshold?: number;
}

const FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml') && name !== 'kustomization.yaml');
const documents = (file: string): unknown[] =>
  parseAllDocuments(readFileSync(`${FOLDER}${file}`, 'utf8')).map((document) => document.toJS() as unknown);
const manifests = FILES.flatMap(documents) as Manifest[];
const rules = manifests.flatMap(({ rules: list = [] }) => list);

it('kustomization.yaml names every file that is there', () => {
  const [{ resources }] = documents('kustomization.yaml') as [{ resources: string[] }];
  expect(resources.filter((name) => name.endsWith('.yaml')).sort()).toEqual(FILES.sort());
});

describe('the Deployment', () => {
  const deployment = manifests.find(({ kind }) => kind === 'Deployment') as unknown as {
    spec: {
      replicas: number;
      template: {
        spec: {
          serviceAccountName: string;
          terminationGracePeriodSeconds: number;
          securityContext: object;
          containers: {
            image: string;
            args: string[];
            ports: { name: string; containerPort: number }[];
            readinessProbe: Probe;
            livenessProbe: Probe;
            securityContext: object;
          }[];
        };
      };
    };
  };
  const pod = deployment.spec.template.spec;
  const [container] = pod.containers;

  it('runs as the user of the image, who is not root, with the default seccomp profile', () => {
    const [user = ''] = instructions(dockerfileStages().at(-1), 'USER');
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: Number(user.split(':')[0]),
      seccompProfile: { type: 'RuntimeDefault' },
    });
  });

  it('can write nothing and gain nothing', () => {
    expect(container?.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
  });

  it('starts this version, with a command and flags that there are', () => {
    expect(container?.image).toBe(`amifleet:${packageJson.version}`);
    const [command, ...args] = container?.args ?? [];
    expect(command).toBe('controller');
    const known = new Set(controllerCommand().options.map(({ long }) => long));
    expect(args.filter((arg) => arg.startsWith('--') && !known.has(arg))).toEqual([]);
  });

  it('is probed where it serves, and restarted only when its event loop is late again and again', () => {
    const { args = [], ports = [], readinessProbe, livenessProbe } = container ?? {};
    const address = args[args.indexOf('--metrics-address') + 1];
    expect(ports.map(({ name, containerPort }) => `${name} 0.0.0.0:${containerPort}`)).toEqual([`metrics ${address}`]);
    expect(readinessProbe?.httpGet).toEqual({ path: '/readyz', port: 'metrics' });
    expect(livenessProbe?.httpGet).toEqual({ path: '/livez', port: 'metrics' });
    const { periodSeconds = 0, failureThreshold = 0 } = livenessProbe ?? {};
    // A delay is remembered for a minute.
    expect(periodSeconds * (failureThreshold - 1)).toBeGreaterThan(60);
  });

  it('is two pods that one Lease decides between, and they may finish the call in hand', () => {
    expect(deployment.spec.replicas).toBe(2);
    const args = container?.args ?? [];
    const lease = manifests.find(({ kind }) => kind === 'Lease');
    expect(args[args.indexOf('--lease') + 1]).toBe(`$(POD_NAMESPACE)/${lease?.metadata.name}`);
    expect(lease?.metadata.namespace).toBe('amifleet-system');
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(10);
  });
});

describe('RBAC', () => {
  it('holds no wildcard', () => {
    expect(rules.length).toBeGreaterThan(3);
    for (const { apiGroups, resources, verbs } of rules)
      expect([...apiGroups, ...resources, ...verbs].join()).not.toContain('*');
  });

  it('reaches no secret and gives nobody a role', () => {
    const resources = new Set(rules.flatMap((rule) => rule.resources));
    for (const forbidden of ['secrets', 'pods', 'roles', 'rolebindings', 'clusterroles', 'clusterrolebindings'])
      expect(resources).not.toContain(forbidden);
  });

  it('reaches one lease, by its name, in its own namespace', () => {
    const holders = manifests.filter(({ rules: list = [] }) =>
      list.some(({ resources }) => resources.includes('leases')),
    );
    expect(holders.map(({ kind, metadata }) => `${kind} ${metadata.namespace}`)).toEqual(['Role amifleet-system']);
    expect(holders[0]?.rules?.map(({ resourceNames }) => resourceNames)).toEqual([['amifleet']]);
    // A name cannot pin what is not there yet, so that creating is not allowed.
    expect(holders[0]?.rules?.flatMap(({ verbs }) => verbs)).not.toContain('create');
  });

  it('reads one namespace, by its name', () => {
    const namespaces = rules.filter(({ resources }) => resources.includes('namespaces'));
    expect(namespaces).toEqual([
      { apiGroups: [''], resources: ['namespaces'], resourceNames: ['kube-system'], verbs: ['get'] },
    ]);
  });
});
