import type { Clock } from '../ambient/clock.ts';
import { systemRandom } from '../ambient/random.ts';
import { AwsClients, type CallReport } from '../aws/aws-clients.ts';
import { Inventories } from '../aws/inventories.ts';
import { ContestLedger } from '../controller/contest-ledger.ts';
import type { Engine } from '../controller/engine.ts';
import { RefusalLedger } from '../controller/refusal-ledger.ts';
import { Sweep } from '../controller/sweep.ts';
import { DEFAULT_LIMITS } from '../policy/pass.ts';
import { VERSION } from './version.ts';

/** Where account-wide questions are asked when the environment names no region: every account has it enabled. */
const DEFAULT_REGION = 'us-east-1';

/**
 * The engine over AWS as the SDK finds it: credentials, region and endpoint by the usual environment
 * (AWS_PROFILE, AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT_URL, …).
 */
export function awsEngine(options: {
  readonly clock: Clock;
  readonly allowDelete: boolean;
  /** Default: false. */
  readonly allowIgnoreInUse?: boolean;
  /** Public images that EC2 lets an account have in a region. Default: 5. */
  readonly publicImages?: number;
  /** The part of what AWS allows an account that is used. Default: DEFAULT_SHARE. */
  readonly budgetShare?: number;
  readonly endpoint?: string;
  readonly onCall?: (call: CallReport) => void;
}): Engine & { close(): void } {
  const { clock, endpoint, onCall } = options;
  const clients = new AwsClients({
    clock,
    random: systemRandom,
    homeRegion: process.env['AWS_REGION'] ?? process.env['AWS_DEFAULT_REGION'] ?? DEFAULT_REGION,
    userAgent: `amifleet/${VERSION}`,
    ...(options.budgetShare !== undefined && { share: options.budgetShare }),
    ...(endpoint !== undefined && { endpoint }),
    ...(onCall && { onCall }),
  });
  const inventories = new Inventories(clients, clock);
  return {
    clock,
    clients,
    inventories,
    sweep: new Sweep(clients, inventories, clock),
    contests: new ContestLedger(),
    refusals: new RefusalLedger(),
    limits: {
      ...DEFAULT_LIMITS,
      ...(options.publicImages !== undefined && { publicImages: options.publicImages }),
      allowDelete: options.allowDelete,
      allowIgnoreInUse: options.allowIgnoreInUse ?? false,
    },
    close: () => clients.close(),
  };
}
