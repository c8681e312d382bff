import { AssumeRoleCommand, GetCallerIdentityCommand, type STSClient } from '@aws-sdk/client-sts';
import type { Clock } from '../ambient/clock.ts';
import type { Target } from '../policy/model.ts';
import { AwsError } from './aws-error.ts';
import type { AwsTime } from './aws-time.ts';
import { toAwsError } from './error-table.ts';

/** How an account is reached: by a role in it, or with the controller's own identity. */
export interface AccountAccess {
  readonly account: string;
  readonly roleArn?: string;
  readonly externalId?: string;
}

/** Keys that sign requests. */
export interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** Undefined: they do not expire. */
  readonly expiration?: Date;
}

/** Gives keys that are valid at the time of the call; it does its own caching. */
export type KeySource = () => Promise<Keys>;

export interface RoleRequest {
  readonly roleArn: string;
  readonly externalId?: string;
  readonly sessionName: string;
  readonly seconds: number;
}

/** STS, called with one identity. */
export interface StsApi {
  assumeRole(request: RoleRequest): Promise<Keys>;
  /** The account that the identity is in. */
  callerAccount(): Promise<string | undefined>;
}

/** @param target the account that it is about, and where STS is asked */
export type StsFor = (keys: KeySource, target: Target) => StsApi;

const SESSION_SECONDS = 3600;
/** Keys are renewed this long before they expire. */
const EARLY_MS = 5 * 60_000;
/** How long an own identity that does not expire counts as verified. */
const VERIFIED_FOR_MS = 15 * 60_000;
/** After a failure, and with keys that are about to expire, nothing is asked again before this. */
const PAUSE_MS = 10_000;

interface Entry {
  readonly keys: Promise<Keys>;
  /** What `keys` has settled to. */
  obtained: Keys | undefined;
  /** Monotonic milliseconds. */
  until: number;
}

/**
 * Credentials of every account: assumed, verified and cached. Whatever AssumeRole returned, GetCallerIdentity must name
 * the very account before the first call is made there (S15).
 */
export class CredentialSource {
  readonly #clock: Clock;
  readonly #time: Pick<AwsTime, 'now'>;
  readonly #base: KeySource;
  readonly #stsFor: StsFor;
  readonly #sessionName: string;
  readonly #region: string;
  readonly #entries = new Map<string, Entry>();

  constructor(options: {
    readonly clock: Clock;
    /** The time that expirations are compared with. */
    readonly time: Pick<AwsTime, 'now'>;
    /** The own identity. */
    readonly base: KeySource;
    readonly stsFor: StsFor;
    /** Shown in the CloudTrail of the accounts: 2 to 64 characters of `[\w+=,.@-]`. */
    readonly sessionName: string;
    /** Where STS is asked; for messages. Keys of a regional endpoint are valid in every region. */
    readonly region: string;
  }) {
    this.#clock = options.clock;
    this.#time = options.time;
    this.#base = options.base;
    this.#stsFor = options.stsFor;
    this.#sessionName = options.sessionName;
    this.#region = options.region;
  }

  /**
   * Keys for an account, valid for some minutes at least. All who ask for the same account at a time share one request.
   * @throws AwsError `WrongAccount` when the identity is in another account, `AssumeRoleFailed` when STS refuses the role,
   *   or whatever else kept STS from answering; for some seconds the same failure is returned without asking again
   */
  async forAccount(access: AccountAccess): Promise<Keys> {
    const key = keyOf(access);
    const known = this.#entries.get(key);
    if (known && this.#clock.monotonic() < known.until) return await known.keys;
    const entry: Entry = {
      keys: this.#renew(access, known?.obtained),
      obtained: undefined,
      until: Number.POSITIVE_INFINITY,
    };
    this.#entries.set(key, entry);
    try {
      entry.obtained = await entry.keys;
      entry.until = this.#clock.monotonic() + Math.max(PAUSE_MS, this.#left(entry.obtained));
      return entry.obtained;
    } catch (error) {
      entry.until = this.#clock.monotonic() + PAUSE_MS;
      throw error;
    }
  }

  /**
   * Forgets keys that AWS has called expired. Newer ones stay: of many calls that fail together only the first makes a
   * difference.
   */
  drop(access: AccountAccess, keys: Keys): void {
    const key = keyOf(access);
    if (this.#entries.get(key)?.obtained === keys) this.#entries.delete(key);
  }

  /** Milliseconds until keys are to be renewed. */
  #left({ expiration }: Keys): number {
    return expiration ? expiration.getTime() - this.#time.now() - EARLY_MS : VERIFIED_FOR_MS;
  }

  /** While STS is out of order the keys in hand are used to their end; but not when it has said no. */
  async #renew(access: AccountAccess, old: Keys | undefined): Promise<Keys> {
    try {
      return await this.#obtain(access);
    } catch (error) {
      const outOfOrder = error instanceof AwsError && (error.class === 'transient' || error.class === 'throttle');
      if (outOfOrder && old?.expiration && old.expiration.getTime() - this.#time.now() > PAUSE_MS) return old;
      throw error;
    }
  }

  async #obtain(access: AccountAccess): Promise<Keys> {
    const target: Target = { account: access.account, region: this.#region };
    const keys = await this.#keysOf(access, target);
    const account = await this.#callerAccount(keys, target);
    if (account === access.account) return keys;
    throw new AwsError({
      class: 'access',
      code: 'WrongAccount',
      action: 'GetCallerIdentity',
      target,
      certain: true,
      why: `${access.roleArn ?? "the controller's own identity"} is in account ${account ?? 'unknown'}, not in ${access.account}`,
      remedy: `Set spec.roleArn of AwsAccount ${access.account} to a role of that account`,
    });
  }

  async #keysOf(access: AccountAccess, target: Target): Promise<Keys> {
    const { roleArn, externalId } = access;
    try {
      if (roleArn === undefined) return await this.#base();
      return await this.#stsFor(this.#base, target).assumeRole({
        roleArn,
        sessionName: this.#sessionName,
        // A pod's own credentials are a role session already, and chained sessions last an hour at most.
        seconds: SESSION_SECONDS,
        ...(externalId !== undefined && { externalId }),
      });
    } catch (error) {
      const failed = toAwsError(error, 'AssumeRole', target, externalId === undefined ? [] : [externalId]);
      if (roleArn === undefined || !ABOUT_THE_ROLE.has(failed.code)) throw failed;
      throw new AwsError({
        class: 'access',
        code: 'AssumeRoleFailed',
        action: 'AssumeRole',
        target,
        certain: true,
        // Without the words of AWS: they quote parameters.
        why: `${roleArn} cannot be assumed (${failed.code})`,
        remedy:
          'Check that the role exists, that its trust policy names the identity of the controller, that the external id is the one that the trust policy asks for, and that the controller may call sts:AssumeRole',
      });
    }
  }

  async #callerAccount(keys: Keys, target: Target): Promise<string | undefined> {
    try {
      return await this.#stsFor(() => Promise.resolve(keys), target).callerAccount();
    } catch (error) {
      throw toAwsError(error, 'GetCallerIdentity', target);
    }
  }
}

/** Codes by which STS refuses the role, and not the identity that asks for it. */
const ABOUT_THE_ROLE: ReadonlySet<string> = new Set([
  'AccessDenied',
  'AccessDeniedException',
  'ValidationError',
  'PackedPolicyTooLarge',
]);

const keyOf = ({ account, roleArn = '', externalId = '' }: AccountAccess): string =>
  [account, roleArn, externalId].join('\n');

/** STS over its real protocol. */
export function stsOver(client: Pick<STSClient, 'send'>): StsApi {
  return {
    assumeRole: async ({ roleArn, externalId, sessionName, seconds }) => {
      const { Credentials: given } = await client.send(
        new AssumeRoleCommand({
          RoleArn: roleArn,
          RoleSessionName: sessionName,
          DurationSeconds: seconds,
          ...(externalId !== undefined && { ExternalId: externalId }),
        }),
      );
      if (!given?.AccessKeyId || !given.SecretAccessKey) throw new Error('the answer holds no credentials');
      return {
        accessKeyId: given.AccessKeyId,
        secretAccessKey: given.SecretAccessKey,
        ...(given.SessionToken !== undefined && { sessionToken: given.SessionToken }),
        ...(given.Expiration !== undefined && { expiration: given.Expiration }),
      };
    },
    callerAccount: async () => (await client.send(new GetCallerIdentityCommand({}))).Account,
  };
}
