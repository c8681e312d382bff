import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { availability, obtainBinaries } from './binaries.ts';
import { type ControlPlane, type ControlPlaneAccess, startControlPlane } from './control-plane.ts';
import { kubectlWith } from './kubectl.ts';

/**
 * One control plane for a whole test run, started when the first suite asks for it. Test workers are processes of their
 * own, so they ask the main process over a loopback port (`Offer.broker`).
 */
export type Offer =
  | { readonly available: true; readonly broker: string }
  | { readonly available: false; readonly because: string };

/** What the broker says: everything but functions. */
interface Answer {
  readonly server: string;
  readonly ca: string;
  readonly kubeconfigPath: string;
  readonly adminToken: string;
}

/**
 * Opens the broker, or says why there can be no control plane.
 * @throws Error when there can be none but REQUIRE_CONTROLPLANE=1 asks for one
 */
export async function openBroker(): Promise<{ readonly offer: Offer; close(): Promise<void> }> {
  const found = availability();
  if (found.kind === 'unavailable') {
    if (process.env['REQUIRE_CONTROLPLANE'] === '1') {
      throw new Error(`REQUIRE_CONTROLPLANE=1, but a control plane is unavailable, because ${found.because}`);
    }
    return { offer: { available: false, because: found.because }, close: async () => undefined };
  }
  let plane: Promise<ControlPlane> | undefined;
  const server = http.createServer((_request, response) => {
    plane ??= startControlPlane();
    plane.then(
      ({ server, ca, kubeconfigPath, adminToken }) =>
        response.end(JSON.stringify({ server, ca, kubeconfigPath, adminToken } satisfies Answer)),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  // Building takes minutes; the question stays open that long.
  server.requestTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    offer: { available: true, broker: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await plane?.then(
        (running) => running.stop(),
        () => undefined,
      );
    },
  };
}

/** Asks the broker for the control plane of this run: the first to ask starts it. */
export async function askBroker(broker: string): Promise<ControlPlaneAccess> {
  const answer = await new Promise<string>((resolve, reject) => {
    // Not fetch: it gives up after five minutes, which a first build may take.
    http
      .get(broker, (response) => {
        let text = '';
        response.on('data', (data: Buffer) => {
          text += data.toString();
        });
        response.on('end', () => (response.statusCode === 200 ? resolve(text) : reject(new Error(text))));
      })
      .on('error', reject);
  });
  const access = JSON.parse(answer) as Answer;
  const { kubectl } = await obtainBinaries();
  return { ...access, kubectl: kubectlWith(kubectl, access.kubeconfigPath) };
}
