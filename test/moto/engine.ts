import type { Clock } from '../../src/ambient/clock.ts';
import { seededRandom } from '../../src/ambient/random.ts';
import { AwsClients } from '../../src/aws/aws-clients.ts';
import { Inventories } from '../../src/aws/inventories.ts';
import { ContestLedger } from '../../src/controller/contest-ledger.ts';
import type { Engine } from '../../src/controller/engine.ts';
import { RefusalLedger } from '../../src/controller/refusal-ledger.ts';
import { Sweep } from '../../src/controller/sweep.ts';
import { DEFAULT_LIMITS } from '../../src/policy/pass.ts';
import { KEYS } from './moto-server.ts';

/** The engine of a process that lives on, over the real SDK and moto. */
export function motoEngine(endpoint: string, clock: Clock): Engine & { close(): void } {
  const clients = new AwsClients({
    clock,
    random: seededRandom(1),
    homeRegion: 'us-east-1',
    endpoint,
    base: () => Promise.resolve(KEYS),
  });
  const inventories = new Inventories(clients, clock);
  return {
    clock,
    clients,
    inventories,
    sweep: new Sweep(clients, inventories, clock),
    contests: new ContestLedger(),
    refusals: new RefusalLedger(),
    limits: { ...DEFAULT_LIMITS, allowDelete: true },
    close: () => clients.close(),
  };
}
