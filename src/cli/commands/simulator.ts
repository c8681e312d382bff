import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { parse } from 'yaml';
import { adjustableClock } from '../../ambient/adjustable-clock.ts';
import { systemClock } from '../../ambient/clock.ts';
import { parseSeed } from '../../simulator/ec2/seed.ts';
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

const number = (text: string): number => {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new InvalidArgumentError('Give a number, 0 or more.');
  return value;
};

/** `amifleet simulator`: the simulated AWS, for any SDK. */
export function simulatorCommand(): Command {
  return new Command('simulator')
    .description('serve a simulated EC2 and STS to any AWS SDK, over plain HTTP')
    .requiredOption('--port <port>', '0 for any free one', number)
    .option('--host <address>', 'where to listen', '127.0.0.1')
    .option('--seed <file>', 'the world to start with, YAML or JSON; default: a small one')
    .option('--speed <factor>', 'how fast its time runs', number, 1)
    .action(async (options: { port: number; host: string; seed?: string; speed: number }) => {
      const clock = adjustableClock(systemClock, options.speed);
      const seed = parseSeed(options.seed === undefined ? SMALL_WORLD : parse(readFileSync(options.seed, 'utf8')));
      const served = await serveSimulator(createSimulator({ seed, clock }), clock, {
        host: options.host,
        port: options.port,
      });
      const first = Object.keys(seed.accounts)[0] ?? '';
      console.log(`Simulated AWS at ${served.url}`);
      console.log(
        `  AWS_ENDPOINT_URL=${served.url} AWS_ACCESS_KEY_ID=AKIASIM${first} AWS_SECRET_ACCESS_KEY=x AWS_REGION=us-east-1 aws ec2 describe-images --owners self`,
      );
      console.log('  control calls: /_sim/seed, /_sim/clock, /_sim/calls, /_sim/world, /_sim/faults. Ctrl-C ends it.');
      const stop = stopSignal();
      await new Promise<void>((resolve) => {
        stop.addEventListener('abort', () => resolve(), { once: true });
      });
      await served.stop();
    });
}
