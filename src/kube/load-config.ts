// Not the package's main module: that one loads the web-socket, tar and metrics parts as well.
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';

/** What KubeConfig falls back to, silently, when it finds nothing: kubectl's ancient default. */
const FALLBACK_SERVER = 'http://localhost:8080';
const FALLBACK_CONTEXT = 'loaded-context';

/**
 * Finds out how to reach the cluster: `path` (from --kubeconfig) if given, else the files in the environment variable
 * KUBECONFIG, else ~/.kube/config, else the service account of the pod we run in.
 * @throws Error that says which file, what is wrong with it and what to do; nothing of the file's content is in it but
 *   names
 */
export function loadKubeConfig(path?: string): KubeConfig {
  const origin = path === undefined ? 'the kubeconfig' : `the kubeconfig ${path}`;
  const config = new KubeConfig();
  try {
    if (path === undefined) config.loadFromDefault();
    else config.loadFromFile(path);
  } catch (error) {
    // Without the original as its cause: the YAML parser quotes the lines around the mistake, tokens and all.
    // oxlint-disable-next-line eslint/preserve-caught-error
    throw new Error(`${origin} cannot be used: ${whyUnreadable(error)}`);
  }
  if (config.currentContext === FALLBACK_CONTEXT && config.getCurrentCluster()?.server === FALLBACK_SERVER) {
    throw new Error(
      'there is no way to a cluster: no --kubeconfig, no KUBECONFIG, no ~/.kube/config, and this is not a pod with a ' +
        'service account. Give --kubeconfig FILE.',
    );
  }
  requireComplete(origin, config);
  return config;
}

/** client-node would go on without a user, and then without the cluster's certificate authority as well. */
function requireComplete(origin: string, config: KubeConfig): void {
  const current = config.getCurrentContext();
  if (!current) throw new Error(`${origin} has no current-context: set one with kubectl config use-context NAME`);
  const context = config.getContexts().find(({ name }) => name === current);
  if (!context) throw new Error(`${origin} has no context named ${current}, which its current-context names`);
  const cluster = config.getClusters().find(({ name }) => name === context.cluster);
  if (!cluster)
    throw new Error(`${origin} has no cluster named ${context.cluster}, which the context ${current} names`);
  if (!config.getUsers().some(({ name }) => name === context.user)) {
    throw new Error(`${origin} has no user named ${context.user}, which the context ${current} names`);
  }
  if (!URL.canParse(cluster.server) || !/^https?:$/.test(new URL(cluster.server).protocol)) {
    throw new Error(`${origin}: the server of the cluster ${cluster.name} is not an http or https URL`);
  }
}

function whyUnreadable(error: unknown): string {
  if (!(error instanceof Error)) return 'it cannot be read';
  if (error.name === 'YAMLException') {
    const line = 'mark' in error ? (error.mark as { readonly line?: number } | undefined)?.line : undefined;
    return line === undefined ? 'it is empty or not valid YAML' : `it is not valid YAML (line ${line + 1})`;
  }
  if ('syscall' in error) {
    // A folder can be opened and only then not be read; that error does not say which it was.
    const { code, path } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' && path !== undefined
      ? `${path} does not exist`
      : `${path ?? 'it'} cannot be read (${code})`;
  }
  // client-node's own words name the entry that is wrong ("users[0].name is missing"), never a value.
  return /^(clusters|users|contexts)\[|^Duplicate /.test(error.message) ? error.message : 'it is not a kubeconfig';
}
