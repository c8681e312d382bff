import type { AdjustableClock } from '../../src/ambient/adjustable-clock.ts';
import { seededRandom } from '../../src/ambient/random.ts';
import { AwsClients, type CallReport } from '../../src/aws/aws-clients.ts';
import type { AccountAccess } from '../../src/aws/credentials.ts';
import { Inventories, type OpenTarget } from '../../src/aws/inventories.ts';
import type { Scope } from '../../src/aws/listing.ts';
import type { Target } from '../../src/policy/model.ts';
import { parseFaults } from '../../src/simulator/ec2/faults.ts';
import { parseSeed } from '../../src/simulator/ec2/seed.ts';
import { serveSimulator } from '../../src/simulator/ec2/serve.ts';
import { createSimulator, type Simulator } from '../../src/simulator/ec2/simulator.ts';
import { steppingClock } from './stepping-clock.ts';

export const ACCOUNT = '111122223333';
export const OTHER_ACCOUNT = '222233334444';
const START = Date.parse('2026-01-01T00:00:00Z');
export const SOURCE = 'ami-00000000000000001';
export const HOME: Target = { account: ACCOUNT, region: 'us-east-1' };
export const AWAY: Target = { account: ACCOUNT, region: 'eu-west-1' };
const ROLE = `arn:aws:iam::${OTHER_ACCOUNT}:role/amifleet`;

/** A simulated AWS behind a real HTTP server, with the real SDK before it. */
export interface SimulatedAws extends AsyncDisposable {
  readonly simulator: Simulator;
  readonly clock: AdjustableClock;
  readonly clients: AwsClients;
  readonly inventories: Inventories;
  readonly url: string;
  /** Every request to EC2 that was made, in order. */
  readonly made: CallReport[];
  open(target: Target, scope?: Scope): OpenTarget;
  /** How many requests of an action have reached AWS. */
  count(action: string): number;
  faults(...list: readonly object[]): void;
}

/** One source image in the home region, of one account, unless `seed` says otherwise. */
export async function simulatedAws(seed: object = {}): Promise<SimulatedAws> {
  const clock = steppingClock(START);
  const simulator = createSimulator({
    clock,
    seed: parseSeed({
      copySeconds: [30, 30],
      consistencySeconds: [0, 0],
      accounts: {
        [ACCOUNT]: { 'us-east-1': { images: [{ id: SOURCE, name: 'web-1', tags: { app: 'web' } }] } },
        [OTHER_ACCOUNT]: {},
      },
      roles: [{ arn: ROLE, trusts: [ACCOUNT] }],
      ...seed,
    }),
  });
  const served = await serveSimulator(simulator, clock, { port: 0 });
  const made: CallReport[] = [];
  const clients = new AwsClients({
    clock,
    random: seededRandom(1),
    homeRegion: HOME.region,
    endpoint: served.url,
    base: async () => ({ accessKeyId: `AKIASIM${ACCOUNT}`, secretAccessKey: 'x' }),
    timeouts: { connect: 2000, answer: 400 },
    onCall: (call) => {
      if (!/^(AssumeRole|GetCallerIdentity)$/.test(call.action)) made.push(call);
    },
  });
  const inventories = new Inventories(clients, clock);
  const accessTo = (account: string): AccountAccess =>
    account === ACCOUNT ? { account } : { account, roleArn: `arn:aws:iam::${account}:role/amifleet` };
  return {
    simulator,
    clock,
    clients,
    inventories,
    url: served.url,
    made,
    open: (target, scope = 'copies') => inventories.open(target, accessTo(target.account), scope),
    count: (action) => made.filter((call) => call.action === action).length,
    faults: (...list) => simulator.setFaults(parseFaults(list)),
    [Symbol.asyncDispose]: async () => {
      clients.close();
      await served.stop();
    },
  };
}
