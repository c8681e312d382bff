import { KubeConfig } from '@kubernetes/client-node/dist/config.js';

/** A kubeconfig in memory for one server. */
export function configFor(
  server: string,
  parts: { readonly cluster?: Record<string, unknown>; readonly user?: Record<string, unknown> } = {},
): KubeConfig {
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [{ name: 'loopback', server, skipTLSVerify: false, ...parts.cluster }],
    users: [{ name: 'tester', ...parts.user }],
    contexts: [{ name: 'test', cluster: 'loopback', user: 'tester' }],
    currentContext: 'test',
  });
  return config;
}

export function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
