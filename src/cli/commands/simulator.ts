import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { parse } from 'yaml';
import { adjustableClock } from '../../ambient/adjustable-clock.ts';
import { systemClock } from '../../ambient/clock.ts';
import { parseSeed, type Seed } from '../../simulator/ec2/seed.ts';
import { serveSimulator } from '../../simulator/ec2/serve.ts';
import { createSimulator } from '../../simulator/ec2/simulator.ts';
import { stopSignal } from '../stop-signal.ts';

/** What is simulated without a seed: one account with three releases of one image. */
const SMALL_WORLD = {
  seed: 1,
  accounts: {
    '111122223333': {
      'us-east-1': {
        images: [3, 2, 1].map((age, index) => ({
          name: `web-base-${index + 1}`,
          ageDays: age * 10,
          tags: { app: 'web-base', release: 'stable' },
        })),
      },
    },
    '222233334444': {},
  },
  roles: [{ arn: 'arn:aws:iam::222233334444:role/amifleet', trusts: ['111122223333'] }],
};

const port = (text: string): number => {
  const value = Number(text);
  if (text === '' || !Number.isInteger(value) || value < 0 || value > 65_535)
    throw new InvalidArgumentError('Give a port, 0 to 65535; 0 is any free one.');
  return value;
};

const factor = (text: string): number => {
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value)) throw new InvalidArgumentError('Give a number above 0.');
  return value;
};

function readSeed(file: string | undefined): Seed {
  if (file === undefined) return parseSeed(SMALL_WORLD);
  try {
    return parseSeed(parse(readFileSync(file, 'utf8')));
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** `amifleet simulator`: the simulated AWS, for any SDK. */
export function simulatorCommand(): Command {
  return new Command('simulator')
    .description('serve a simulated EC2 and STS to any AWS SDK, over plain HTTP')
    .requiredOption('--port <port>', 'where to listen; 0 for any free one', port)
    .option('--host <address>', 'the address to listen at', '127.0.0.1')
    .option('--seed <file>', 'the world to start with, YAML or JSON; default: a small one')
    .option('--speed <factor>', 'how many times as fast as ours its time runs', factor, 1)
    .action(async (options: { port: number; host: string; seed?: string; speed: number }) => {
      const clock = adjustableClock(systemClock, options.speed);
      const seed = readSeed(options.seed);
      const served = await serveSimulator(createSimulator({ seed, clock }), clock, {
        host: options.host,
        port: options.port,
      });
      const first = Object.keys(seed.accounts)[0] ?? '';
      console.log(`Simulated AWS at ${served.url}`);
      console.log(
        `  AWS_ENDPOINT_URL=${served.url} AWS_ACCESS_KEY_ID=AKIASIM${first} AWS_SECRET_ACCESS_KEY=x AWS_DEFAULT_REGION=us-east-1 aws ec2 describe-images --owners self`,
      );
      console.log('  control calls: /_sim/seed, /_sim/clock, /_sim/calls, /_sim/world, /_sim/faults. Ctrl-C ends it.');
      const stop = stopSignal();
      await new Promise<void>((resolve) => {
        stop.addEventListener('abort', () => resolve(), { once: true });
      });
      await served.stop();
    });
}
