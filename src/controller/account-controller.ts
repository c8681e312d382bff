import type { AccountStatus } from '../api/account-status.ts';
import type { AwsAccount } from '../api/aws-account.ts';
import { conditionsFrom, type Finding } from '../api/conditions.ts';
import { toAccount } from '../api/documents.ts';
import { FINALIZER } from '../api/group.ts';
import type { CallOptions } from '../aws/aws-clients.ts';
import { AwsError } from '../aws/aws-error.ts';
import type { AccountAccess } from '../aws/credentials.ts';
import { SETTLES_WITHIN_MS } from '../aws/overlay.ts';
import { cut } from '../policy/conditions.ts';
import { type Orphan, orphansAmong } from '../policy/orphans.ts';
import { isoTime, TAG } from '../policy/tags.ts';
import type { Engine } from './engine.ts';

/** What the controller of accounts needs of Kubernetes. */
export interface AccountStore {
  get(name: string): AwsAccount | undefined;
  /** The UIDs of the policies of this cluster. */
  livePolicies(): ReadonlySet<string>;
  writeStatus(account: AwsAccount, status: AccountStatus): Promise<void>;
  removeFinalizer(account: AwsAccount): Promise<void>;
}

/** Between two looks at an account that can be used, at one that cannot, and at one that is to go. */
const LOOK_MS = { usable: 60 * 60_000, refused: 10 * 60_000, leaving: 10 * 60_000 };

/**
 * Says of every AwsAccount whether it can be used, and keeps one that is deleted until no copy of this cluster is left in
 * its account: without the object nobody could reach them any more.
 */
export class AccountController {
  readonly #engine: Engine;
  readonly #store: AccountStore;
  readonly #cluster: string;
  readonly #othersWrite: boolean;
  /** By account that is to go: since when no copy was seen there, monotonic milliseconds. */
  readonly #emptySince = new Map<string, number>();

  /** @param othersWrite other shards make copies at the same time, and those may not be visible yet */
  constructor(
    engine: Engine,
    store: AccountStore,
    { cluster, othersWrite }: { readonly cluster: string; readonly othersWrite: boolean },
  ) {
    this.#engine = engine;
    this.#store = store;
    this.#cluster = cluster;
    this.#othersWrite = othersWrite;
  }

  /**
   * @returns milliseconds until the next look; undefined: none is needed
   * @throws KubeError
   */
  async pass(name: string, signal: AbortSignal): Promise<number | undefined> {
    const stored = this.#store.get(name);
    if (!stored) return undefined;
    let account: AwsAccount;
    try {
      account = toAccount(stored);
    } catch {
      // Policies that name it say so; here nothing can be said that the schema would take.
      return undefined;
    }
    const leaving = account.metadata.deletionTimestamp !== undefined;
    if (leaving && !account.metadata.finalizers?.includes(FINALIZER)) return undefined;
    const { roleArn, externalId } = account.spec;
    const access: AccountAccess = {
      account: name,
      ...(roleArn !== undefined && { roleArn }),
      ...(externalId !== undefined && { externalId }),
    };
    const seen = await this.#look(access, leaving, { signal });
    if (leaving && this.#isSurelyEmpty(name, seen)) {
      await this.#store.removeFinalizer(account);
      return undefined;
    }
    await this.#store.writeStatus(account, this.#status(account, seen));
    if (leaving) return LOOK_MS.leaving;
    return seen.trouble ? LOOK_MS.refused : LOOK_MS.usable;
  }

  #isSurelyEmpty(name: string, { images }: Seen): boolean {
    const now = this.#engine.clock.monotonic();
    const since = this.#emptySince.get(name) ?? now;
    if (images === 0) this.#emptySince.set(name, since);
    else this.#emptySince.delete(name);
    const isSure = images === 0 && (!this.#othersWrite || now - since >= SETTLES_WITHIN_MS);
    if (isSure) this.#emptySince.delete(name);
    return isSure;
  }

  /** What no policy of this cluster cleans up in an account; undefined when that could not be told everywhere. */
  orphansIn(account: string): readonly Orphan[] | undefined {
    const strays = this.#engine.sweep.straysIn(account);
    const livePolicies = this.#store.livePolicies();
    return (
      strays && orphansAmong(strays, { cluster: this.#cluster, livePolicies, now: this.#engine.clients.time.now() })
    );
  }

  async #look(access: AccountAccess, leaving: boolean, options: CallOptions): Promise<Seen> {
    const { clients, sweep, inventories } = this.#engine;
    try {
      const regions = [...(await clients.regionsOf(access, options.signal))].toSorted();
      if (leaving) await sweep.again(access, options);
      const swept = sweep.isComplete(access.account);
      const images = inventories.imagesIn(access.account, (tags) => tags[TAG.cluster] === this.#cluster);
      const orphans = swept ? this.orphansIn(access.account) : undefined;
      return { regions, ...(swept && { images }), ...(orphans && { orphans }) };
    } catch (error) {
      options.signal?.throwIfAborted();
      const code = error instanceof AwsError ? error.code.replaceAll(/[^A-Za-z0-9_]/g, '') : 'Unexpected';
      return { regions: [], trouble: { code, message: error instanceof Error ? error.message : String(error) } };
    }
  }

  #status(account: AwsAccount, seen: Seen): AccountStatus {
    const generation = account.metadata.generation ?? 0;
    const now = isoTime(Math.floor(this.#engine.clock.now() / 1000) * 1000).replace('.000Z', 'Z');
    const { regions, images = account.status?.images } = seen;
    const orphans = seen.orphans ? orphanStatus(seen.orphans) : keptOrphans(account.status);
    return {
      observedGeneration: generation,
      conditions: conditionsFrom(findingsOf(account, seen), account.status?.conditions ?? [], generation, now),
      ...(!seen.trouble && { regions: regions.slice(0, 100), regionCount: regions.length }),
      ...(images !== undefined && { images }),
      ...orphans,
    };
  }
}

type OrphanStatus = Pick<AccountStatus, 'orphanCount' | 'orphans'>;

/** How many are listed by name. */
const LISTED = 10;

const orphanStatus = (orphans: readonly Orphan[]): OrphanStatus => ({
  orphanCount: orphans.length,
  ...(orphans.length > 0 && {
    orphans: orphans.slice(0, LISTED).map(({ id, target, policy, why }) => ({
      id,
      region: target.region,
      policy: cut(policy, 320),
      message: cut(why, 400),
    })),
  }),
});

/** What was found last stands while nobody can look. */
const keptOrphans = (status: AwsAccount['status']): OrphanStatus => ({
  ...(status?.orphanCount !== undefined && { orphanCount: status.orphanCount }),
  ...(status?.orphans && { orphans: status.orphans }),
});

interface Seen {
  readonly regions: readonly string[];
  /** Undefined while not every region was looked at. */
  readonly images?: number;
  readonly orphans?: readonly Orphan[];
  readonly trouble?: { readonly code: string; readonly message: string };
}

function whatIsLeft(images: number | undefined): string {
  if (images === undefined) return 'not every region could be looked at';
  if (images > 0) return `${images} copies of this cluster are in it`;
  return 'none was seen, and it is looked at once more, because another shard may have begun one just now';
}

/** As kstatus reads them: Stalled is there only while it is True, and somebody must act then. */
function findingsOf({ metadata, spec }: AwsAccount, { regions, images, trouble }: Seen): Finding[] {
  const found = (reason: string, message: string, stalled: boolean): Finding[] => [
    { type: 'Ready', status: 'False', reason, message },
    ...(stalled ? [{ type: 'Stalled', status: 'True', reason, message } as const] : []),
  ];
  const release = `To let go of what is there, remove the finalizer: kubectl patch awsaccount ${metadata.name} --type=merge -p '{"metadata":{"finalizers":null}}'`;
  if (metadata.deletionTimestamp !== undefined) {
    const left = trouble?.message ?? whatIsLeft(images);
    return found(
      'ImagesLeft',
      `the object stays until no copy of this cluster is in the account: ${left}. ${release}`,
      true,
    );
  }
  if (trouble) return found(trouble.code, trouble.message, true);
  const who = spec.namespaces?.length ? `namespaces ${spec.namespaces.slice(0, 5).join(', ')}` : 'no namespace';
  return [
    {
      type: 'Ready',
      status: 'True',
      reason: 'Usable',
      message: `the account was reached and verified; it has ${regions.length} regions enabled, and ${who} may use it`,
    },
  ];
}
