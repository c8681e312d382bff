import { writeFileSync } from 'node:fs';

/** Writes a kubeconfig for one server and one token, and returns its path. */
export function writeKubeconfig(
  path: string,
  access: { readonly server: string; readonly ca: string; readonly token: string; readonly namespace?: string },
): string {
  const name = 'controlplane';
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    clusters: [
      {
        name,
        cluster: { server: access.server, 'certificate-authority-data': Buffer.from(access.ca).toString('base64') },
      },
    ],
    users: [{ name, user: { token: access.token } }],
    contexts: [
      { name, context: { cluster: name, user: name, ...(access.namespace && { namespace: access.namespace }) } },
    ],
  };
  // JSON is YAML.
  writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
  return path;
}
