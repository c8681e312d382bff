import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child } from './child.ts';
import { writeKubeconfig } from './kubeconfig.ts';

/** Where the programs are. */
export type ServerBinaries = Readonly<Record<(typeof SERVERS)[number], string>>;

export const SERVERS = ['etcd', 'kube-apiserver'] as const;

/** A real API server and its store, as processes of this one. */
export interface Servers {
  /** `https://127.0.0.1:<port>` */
  readonly server: string;
  /** The certificate authority, PEM. */
  readonly ca: string;
  readonly kubeconfigPath: string;
  /** A token in the group system:masters. */
  readonly adminToken: string;
  readonly etcd: Child;
  readonly apiServer: Child;
  /** Ends both processes and removes their files. */
  stop(): Promise<void>;
}

/**
 * Starts a real etcd and a real kube-apiserver on free loopback ports (about 3 s, 300 MB). There is no controller
 * manager: nothing collects garbage, ends namespaces or aggregates cluster roles.
 * @param flags flags of kube-apiserver beside or instead of ours; null takes one of ours away
 * @throws Error with the last output of the process that did not come up
 */
export async function startServers(
  binaries: ServerBinaries,
  flags: Readonly<Record<string, string | null>> = {},
): Promise<Servers> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(binaries, flags);
    } catch (error) {
      // A port that was free a moment ago may have been taken by somebody else.
      if (attempt === 3 || !/address already in use|bind:/.test(String(error))) throw error;
    }
  }
}

async function start(binaries: ServerBinaries, flags: Readonly<Record<string, string | null>>): Promise<Servers> {
  const folder = mkdtempSync(join(tmpdir(), 'amifleet-controlplane-'));
  const pki = join(folder, 'pki');
  mkdirSync(pki);
  const [clientPort, peerPort, apiPort] = await freePorts();
  const etcdUrl = `http://127.0.0.1:${clientPort}`;
  const server = `https://127.0.0.1:${apiPort}`;
  const adminToken = randomUUID();

  const etcd = new Child(
    'etcd',
    binaries.etcd,
    [
      `--data-dir=${join(folder, 'etcd')}`,
      `--listen-client-urls=${etcdUrl}`,
      `--advertise-client-urls=${etcdUrl}`,
      `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
      '--log-level=error',
      '--unsafe-no-fsync=true',
    ],
    async () => ((await (await fetch(`${etcdUrl}/health`)).json()) as { health?: string }).health === 'true',
  );
  const certificate = (): string => readFileSync(join(pki, 'apiserver.crt'), 'utf8');
  const apiServer = new Child(
    'kube-apiserver',
    binaries['kube-apiserver'],
    flagList({ ...serverFlags(folder, pki, etcdUrl, apiPort, adminToken), ...flags }),
    async () =>
      (await statusOf(`${server}/readyz`, certificate(), adminToken)) === 200 &&
      (await statusOf(`${server}/api/v1/namespaces/default`, certificate(), adminToken)) === 200,
  );
  const stop = async (): Promise<void> => {
    await apiServer.stop();
    await etcd.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await etcd.start();
    await apiServer.start();
  } catch (error) {
    await stop();
    throw error;
  }
  const ca = certificate();
  const kubeconfigPath = writeKubeconfig(join(folder, 'kubeconfig'), { server, ca, token: adminToken });
  return { server, ca, kubeconfigPath, adminToken, etcd, apiServer, stop };
}

function serverFlags(
  folder: string,
  pki: string,
  etcdUrl: string,
  port: number,
  adminToken: string,
): Record<string, string> {
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const keys = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });
  return {
    'etcd-servers': etcdUrl,
    // The server makes its own certificate there; the file holds the leaf followed by its authority.
    'cert-dir': pki,
    'bind-address': '127.0.0.1',
    // Without it a machine that has no default route fails.
    'advertise-address': '127.0.0.1',
    'secure-port': `${port}`,
    'token-auth-file': file('tokens.csv', `${adminToken},admin,admin,"system:masters"\n`),
    'authorization-mode': 'RBAC',
    'service-cluster-ip-range': '10.0.0.0/24',
    'endpoint-reconciler-type': 'none',
    'service-account-issuer': 'https://kubernetes.default.svc.cluster.local',
    'service-account-key-file': file('sa.pub', keys.publicKey),
    'service-account-signing-key-file': file('sa.key', keys.privateKey),
    // It would wait for a `default` ServiceAccount that no controller makes.
    'disable-admission-plugins': 'ServiceAccount',
    'allow-privileged': 'true',
    profiling: 'false',
  };
}

function flagList(flags: Readonly<Record<string, string | null>>): string[] {
  return Object.entries(flags)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `--${name}=${value}`);
}

function statusOf(url: string, ca: string, token: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    https
      .get(url, { ca, headers: { authorization: `Bearer ${token}` } }, (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode));
      })
      .on('error', reject);
  });
}

/** Three ports that are free now. All are held while they are looked for, so that they differ. */
async function freePorts(): Promise<readonly [number, number, number]> {
  const servers = await Promise.all(
    [0, 1, 2].map(
      () =>
        new Promise<net.Server>((resolve, reject) => {
          const server = net.createServer().once('error', reject);
          server.listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => (server.address() as net.AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return [ports[0] ?? 0, ports[1] ?? 0, ports[2] ?? 0];
}
