import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { type AdjustableClock, adjustableClock } from '../../ambient/adjustable-clock.ts';
import { type Clock, systemClock } from '../../ambient/clock.ts';
import { systemRandom } from '../../ambient/random.ts';
import { AwsClients } from '../../aws/aws-clients.ts';
import { Inventories } from '../../aws/inventories.ts';
import { ContestLedger } from '../../controller/contest-ledger.ts';
import { RefusalLedger } from '../../controller/refusal-ledger.ts';
import { runController } from '../../controller/run-controller.ts';
import { Sweep } from '../../controller/sweep.ts';
import { kubeTransport } from '../../kube/kube-transport.ts';
import { loadKubeConfig } from '../../kube/load-config.ts';
import type { Transport } from '../../kube/transport.ts';
import { DEFAULT_LIMITS } from '../../policy/pass.ts';
import { serveSimulator } from '../../simulator/ec2/serve.ts';
import { createSimulator, type Simulator } from '../../simulator/ec2/simulator.ts';
import { VERSION } from '../version.ts';
import { startEmbedded, startReal } from './api-server.ts';
import { BUILDERS, demoSeed, SOURCE_REGION } from './fleet.ts';
import { Operator } from './operator.ts';

/** Everything that the demo plays on. Both servers are reached over HTTP, by the demo as by the controller. */
export interface Stage {
  readonly aws: Simulator;
  readonly awsUrl: string;
  readonly clock: AdjustableClock;
  readonly kubeconfigPath: string;
  readonly operator: Operator;
  /** Resolves when the controller has ended, and rejects when it could not go on. */
  readonly controller: Promise<void>;
  close(): Promise<void>;
}

/** How fast the time of the simulated AWS and of the controller runs: copies of a minute take three seconds. */
const SPEED = 20;
/** How often the controller looks at everything again, in its own time. */
const RESYNC_MS = 60_000;
/** The demo skips a day. It begins that much in the past, so that ages look right to kubectl in the end. */
const BEGINS_AGO_MS = 26 * 3_600_000;

const earlier = (base: Clock, ms: number): Clock => ({ ...base, now: () => base.now() - ms });

/**
 * Starts the simulated AWS, an API server and the real controller between them.
 * @param isReal a real kube-apiserver and etcd instead of the embedded API server
 */
export async function setStage(isReal: boolean): Promise<Stage> {
  const releases: (() => Promise<void> | void)[] = [];
  const close = async (): Promise<void> => {
    for (let release = releases.pop(); release; release = releases.pop()) await release();
  };
  try {
    const clock = adjustableClock(earlier(systemClock, BEGINS_AGO_MS), SPEED);
    const aws = createSimulator({ seed: demoSeed(), clock });
    const served = await serveSimulator(aws, clock, { port: 0 });
    releases.push(() => served.stop());
    const apiServer = isReal ? await startReal() : await startEmbedded(clock);
    releases.push(() => apiServer.stop());
    const folder = mkdtempSync(join(tmpdir(), 'amifleet-demo-'));
    releases.push(() => rmSync(folder, { recursive: true, force: true }));
    const kubeconfigPath = join(folder, 'kubeconfig');
    writeFileSync(kubeconfigPath, apiServer.kubeconfig, { mode: 0o600 });
    const transport = (userAgent: string): Transport => {
      const made = kubeTransport(loadKubeConfig(kubeconfigPath), { clock: systemClock, userAgent });
      releases.push(() => made.close());
      return made;
    };

    const clients = new AwsClients({
      clock,
      random: systemRandom,
      homeRegion: SOURCE_REGION,
      endpoint: served.url,
      userAgent: `amifleet-demo/${VERSION}`,
      base: () => Promise.resolve({ accessKeyId: `AKIASIM${BUILDERS}`, secretAccessKey: 'simulated' }),
    });
    releases.push(() => clients.close());
    const inventories = new Inventories(clients, clock);
    const operator = new Operator(transport('kubectl-demo'));
    if (isReal) await operator.install();
    const stop = new AbortController();
    const controllerTransport = transport(`amifleet/${VERSION}`);
    const controller = runController(
      {
        engine: {
          clock,
          clients,
          inventories,
          sweep: new Sweep(clients, inventories, clock),
          contests: new ContestLedger(),
          refusals: new RefusalLedger(),
          limits: DEFAULT_LIMITS,
        },
        transport: controllerTransport,
        random: systemRandom,
        log: pino({ level: 'silent' }),
        readOnly: false,
        resyncMs: RESYNC_MS,
        // Drift is part of the show.
        verifyMs: RESYNC_MS,
      },
      stop.signal,
    );
    // Whoever awaits it hears of a failure; here it must only not end the process unheard.
    controller.catch(() => undefined);
    releases.push(async () => {
      stop.abort(new Error('the demo is over'));
      await controller.catch(() => undefined);
    });
    return { aws, awsUrl: served.url, clock, kubeconfigPath, operator, controller, close };
  } catch (error) {
    await close();
    throw error;
  }
}
