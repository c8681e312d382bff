import type { Clock } from '../ambient/clock.ts';
import type { AwsClients } from '../aws/aws-clients.ts';
import type { Inventories } from '../aws/inventories.ts';
import type { Limits } from '../policy/pass.ts';
import type { ContestLedger } from './contest-ledger.ts';
import type { RefusalLedger } from './refusal-ledger.ts';
import type { Sweep } from './sweep.ts';

/** What every pass works with, in the controller and in file mode alike. */
export interface Engine {
  readonly clock: Clock;
  readonly clients: AwsClients;
  readonly inventories: Inventories;
  readonly sweep: Sweep;
  readonly contests: ContestLedger;
  readonly refusals: RefusalLedger;
  readonly limits: Limits;
}
