import { type AdjustableClock, adjustableClock } from '../../src/ambient/adjustable-clock.ts';
import { systemClock } from '../../src/ambient/clock.ts';
import { parseSeed } from '../../src/simulator/ec2/seed.ts';
import { serveSimulator } from '../../src/simulator/ec2/serve.ts';
import { createSimulator, type Simulator } from '../../src/simulator/ec2/simulator.ts';

export interface SimulatedAws {
  readonly aws: Simulator;
  readonly clock: AdjustableClock;
  readonly url: string;
  /** What a process needs to act in the account with the SDK. */
  environment(account: string): Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** The simulated AWS over real HTTP, with a clock that runs faster than the machine's. */
export async function simulatedAws(seed: object, speed: number): Promise<SimulatedAws> {
  const clock = adjustableClock(systemClock, speed);
  const aws = createSimulator({ seed: parseSeed(seed), clock });
  const served = await serveSimulator(aws, clock, { port: 0 });
  return {
    aws,
    clock,
    url: served.url,
    environment: (account) => ({
      AWS_ENDPOINT_URL: served.url,
      AWS_ACCESS_KEY_ID: `AKIASIM${account}`,
      AWS_SECRET_ACCESS_KEY: 'simulated',
      AWS_REGION: 'us-east-1',
    }),
    stop: () => served.stop(),
  };
}
