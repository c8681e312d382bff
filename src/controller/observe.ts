import type { CallOptions } from '../aws/aws-clients.ts';
import { AwsError } from '../aws/aws-error.ts';
import type { OpenTarget } from '../aws/inventories.ts';
import type { Scope } from '../aws/listing.ts';
import type { Target, TargetView } from '../policy/model.ts';
import type { Grant } from './access.ts';
import type { Engine } from './engine.ts';

/** How fresh what a pass is based on must be, in monotonic milliseconds: read then or later. */
export interface Freshness {
  readonly listing: number;
  /** Of targets in which something is under way; a poll asks no others. Default: as `listing`. */
  readonly moving?: number;
  readonly grants: number;
  /** Permissions are read again after this many milliseconds, each at its own time. Default: never by age alone. */
  readonly verifyMs?: number;
  readonly evidence: number;
  /** Of what AWS refused, or had no answer to yet. Default: as `evidence`. */
  readonly unanswered?: number;
  /** Of what dry runs have shown to be allowed, and to be denied. Default: as `grants`. */
  readonly allowed?: number;
  readonly denied?: number;
}

/** A target as a pass sees it, with the way to it where there is one. */
export interface Sight {
  readonly view: TargetView;
  readonly open?: OpenTarget;
}

/**
 * Step "observe", for one target. What cannot be observed is said to be so, with its reason: it never looks empty, and
 * it never stops the other targets.
 */
export async function observe(
  engine: Engine,
  target: Target,
  grant: Grant,
  scope: Scope,
  fresh: Freshness,
  options: CallOptions,
): Promise<Sight> {
  if (grant.kind === 'refused') {
    return { view: { kind: 'unavailable', code: grant.code, message: grant.message, stalls: true } };
  }
  try {
    const open = engine.inventories.open(target, grant.access, scope);
    if (open.inventory.listedAt === undefined) {
      const regions = await engine.clients.regionsOf(grant.access, options.signal);
      if (!regions.has(target.region)) return { view: notEnabled(target) };
    }
    const { listing, moving = listing } = fresh;
    await open.inventory.observe(open.inventory.isMoving ? Math.max(listing, moving) : listing, options);
    return {
      open,
      view: { kind: 'observed', inventory: open.inventory.view(fresh), readOnly: grant.readOnly, allow: grant.allow },
    };
  } catch (error) {
    return { view: unavailable(error) };
  }
}

function notEnabled({ account, region }: Target): TargetView {
  return {
    kind: 'unavailable',
    code: 'RegionNotEnabled',
    message: `${region} is not a region that account ${account} has enabled. Correct the name, or enable the region in the account`,
    stalls: true,
  };
}

function unavailable(error: unknown): TargetView {
  if (error instanceof AwsError) {
    const stalls = error.class === 'access' || error.class === 'refused';
    return { kind: 'unavailable', code: error.code.replaceAll(/[^A-Za-z0-9_]/g, ''), message: error.message, stalls };
  }
  return {
    kind: 'unavailable',
    code: 'Unexpected',
    message: error instanceof Error ? error.message : String(error),
    stalls: false,
  };
}
