import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { loadKubeConfig } from '../../src/kube/load-config.ts';

const SECRET = 'token-that-nobody-may-see';

const GOOD = {
  apiVersion: 'v1',
  kind: 'Config',
  'current-context': 'prod',
  clusters: [{ name: 'eks', cluster: { server: 'https://10.0.0.1:6443' } }],
  users: [{ name: 'me', user: { token: SECRET } }],
  contexts: [{ name: 'prod', context: { cluster: 'eks', user: 'me', namespace: 'platform' } }],
};

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'load-config-'));
  // Nothing of the machine that runs the tests.
  vi.stubEnv('HOME', folder);
  vi.stubEnv('USERPROFILE', folder);
  vi.stubEnv('KUBECONFIG', '');
  vi.stubEnv('KUBERNETES_SERVICE_HOST', '');
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

function file(content: unknown, name = 'config.yaml'): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : stringify(content));
  return path;
}

const serverOf = (config: ReturnType<typeof loadKubeConfig>): string | undefined => config.getCurrentCluster()?.server;

/** The message of the refusal; also where the error shows more than it may. */
function refusal(path?: string): string {
  try {
    loadKubeConfig(path);
  } catch (error) {
    const { message, cause, stack } = error as Error;
    return `${stack} ${String(cause)}`.includes(SECRET) ? `it shows the token: ${message}` : message;
  }
  return 'it was taken';
}

describe('the way to the cluster', () => {
  it('is the file that was given, whatever the environment says', () => {
    vi.stubEnv(
      'KUBECONFIG',
      file({ ...GOOD, clusters: [{ name: 'eks', cluster: { server: 'https://other' } }] }, 'other'),
    );
    expect(serverOf(loadKubeConfig(file(GOOD)))).toBe('https://10.0.0.1:6443');
  });

  it('else the one of KUBECONFIG', () => {
    vi.stubEnv('KUBECONFIG', file(GOOD));
    expect(serverOf(loadKubeConfig())).toBe('https://10.0.0.1:6443');
  });

  it('else there is none, and that is said rather than guessed', () => {
    expect(refusal()).toBe(
      'there is no way to a cluster: no --kubeconfig, no KUBECONFIG, no ~/.kube/config, and this is not a pod with a ' +
        'service account. Give --kubeconfig FILE.',
    );
  });
});

describe('a kubeconfig that cannot be used is refused with the file and the remedy', () => {
  it('that does not exist', () => {
    const path = join(folder, 'nowhere');
    expect(refusal(path)).toBe(`the kubeconfig ${path} cannot be used: ${path} does not exist`);
  });

  it('that is a folder', () => {
    expect(refusal(folder)).toBe(`the kubeconfig ${folder} cannot be used: it cannot be read (EISDIR)`);
  });

  it.each<[string, unknown, string]>([
    [
      'that is not YAML',
      `users:\n- name: me\n  user: {token: ${SECRET}\nclusters: []`,
      'it is not valid YAML (line 4)',
    ],
    ['that is empty', '', 'it is empty or not valid YAML'],
    ['with a nameless user', { ...GOOD, users: [{ user: { token: SECRET } }] }, 'users[0].name is missing'],
  ])('%s', (_, content, why) => {
    const path = file(content);
    expect(refusal(path)).toBe(`the kubeconfig ${path} cannot be used: ${why}`);
  });

  it.each<[string, unknown, string]>([
    ['that is a list', '- 1\n- 2', 'has no current-context: set one with kubectl config use-context NAME'],
    [
      'without a current context',
      { ...GOOD, 'current-context': undefined },
      'has no current-context: set one with kubectl config use-context NAME',
    ],
    [
      'whose current context is missing',
      { ...GOOD, contexts: [] },
      'has no context named prod, which its current-context names',
    ],
    ['whose cluster is missing', { ...GOOD, clusters: [] }, 'has no cluster named eks, which the context prod names'],
    ['whose user is missing', { ...GOOD, users: [] }, 'has no user named me, which the context prod names'],
  ])('%s', (_, content, why) => {
    const path = file(content);
    expect(refusal(path)).toBe(`the kubeconfig ${path} ${why}`);
  });

  it.each(['10.0.0.1:6443', 'ftp://10.0.0.1', 'not a url'])('whose server is %s', (server) => {
    const path = file({ ...GOOD, clusters: [{ name: 'eks', cluster: { server } }] });
    expect(refusal(path)).toBe(`the kubeconfig ${path}: the server of the cluster eks is not an http or https URL`);
  });
});
