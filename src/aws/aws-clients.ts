import { setMaxListeners } from 'node:events';
import { type DescribeRegionsCommand, EC2Client, type EC2ClientConfig } from '@aws-sdk/client-ec2';
import { KMSClient } from '@aws-sdk/client-kms';
import { SSMClient } from '@aws-sdk/client-ssm';
import { STSClient, type STSClientConfig } from '@aws-sdk/client-sts';
import { fromNodeProviderChain } from '@aws-sdk/credential-providers';
import type { Clock } from '../ambient/clock.ts';
import type { Random } from '../ambient/random.ts';
import type { Target } from '../policy/model.ts';
import { AwsError, type ErrorClass } from './aws-error.ts';
import { AwsTime } from './aws-time.ts';
import { type AccountAccess, CredentialSource, type KeySource, type StsApi, stsOver } from './credentials.ts';
import { toAwsError } from './error-table.ts';
import { heldBack } from './held-back.ts';
import type { Permit } from './permit.ts';
import { Persistence, wasSignedWrong, withSecondChance } from './persistence.ts';
import type { Priority } from './priority.ts';
import { RateBudget } from './rate-budget.ts';
import { Regions } from './regions.ts';
import { actionOf, changes, mayRepeat, refuseEmptyLists, type SdkCommand } from './sdk-command.ts';
import { unlessAborted } from './unless-aborted.ts';

export interface CallOptions {
  /** Default: normal. */
  readonly priority?: Priority;
  /** Whose work it is: of equal priority, each gets its turn. Default: nobody's in particular. */
  readonly flow?: string;
  /** A token for this call, got before. When it is void, or AWS throttles the call all the same, that is thrown at once. */
  readonly permit?: Permit;
  /**
   * Aborted: waiting ends, and reading too; the reason of the signal is thrown. A mutating call that was already sent is
   * finished, so that its effect is known.
   */
  readonly signal?: AbortSignal;
}

/** A request that was made, for metrics. */
export interface CallReport {
  readonly action: string;
  readonly target: Target;
  /** `ok`, or the code of the error. */
  readonly outcome: string;
  /** Undefined: it went well. */
  readonly errorClass?: ErrorClass;
  /** How long it had to wait for the rate budget, milliseconds. STS calls wait for none. */
  readonly waitedMs: number;
  /** From sending to the answer, milliseconds. */
  readonly ms: number;
}

/** One service of AWS in one target. */
export interface ServiceApi {
  readonly target: Target;
  /**
   * Sends a command as soon as the rate budget lets it through, with retries where they can do no harm.
   * @throws AwsError, or the reason of the signal
   */
  send<Input extends object, Output extends object>(
    command: SdkCommand<Input, Output>,
    options?: CallOptions,
  ): Promise<Output>;
}

/** The services that have an endpoint in every region, as a target has them. */
export interface TargetServices {
  readonly ec2: ServiceApi;
  readonly kms: ServiceApi;
  readonly ssm: ServiceApi;
}

export interface AwsClientsOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Where STS and account-wide questions are asked; it must be enabled in every account. */
  readonly homeRegion: string;
  /** The own identity. Default: where the SDK looks for it (environment, EKS Pod Identity, IRSA, profiles, instance). */
  readonly base?: KeySource;
  /** Default: AWS itself, or what AWS_ENDPOINT_URL says. */
  readonly endpoint?: string;
  /** The part of what AWS allows an account that is used, above 0 and at most 1. Default: DEFAULT_SHARE. */
  readonly share?: number;
  /** Added to the User-Agent header. */
  readonly userAgent?: string;
  /** Milliseconds for a connection, default 3000, and for an answer, default 30000. Of real time: sockets know no other. */
  readonly timeouts?: { readonly connect: number; readonly answer: number };
  /** What carries the requests, and what `timeouts` then do not apply to. Default: sockets. */
  readonly carrier?: NonNullable<STSClientConfig['requestHandler']>;
  readonly onCall?: (call: CallReport) => void;
}

/** How the client of each service is made. Their stacks are one at run time; their types differ in the operations. */
const CLIENTS: Readonly<Record<keyof TargetServices, (configuration: EC2ClientConfig) => EC2Client>> = {
  ec2: (configuration) => new EC2Client(configuration),
  kms: (configuration) => new KMSClient(configuration) as unknown as EC2Client,
  ssm: (configuration) => new SSMClient(configuration) as unknown as EC2Client,
};

const SESSION_NAME = 'amifleet';
/** Sockets for each host, and so calls under way for each region. */
const SOCKETS = 50;

/** The clients of all accounts and regions, over one pool of connections and one rate budget. */
export class AwsClients {
  /** The time by the clock of AWS. */
  readonly time: AwsTime;
  readonly #clock: Clock;
  readonly #persistence: Persistence;
  readonly #homeRegion: string;
  readonly #base: KeySource;
  readonly #onCall: (call: CallReport) => void;
  /** What AWS lets through, for all calls together. */
  readonly budget: RateBudget;
  readonly #credentials: CredentialSource;
  readonly #shared: STSClientConfig & EC2ClientConfig;
  readonly #connections: STSClient['config']['requestHandler'];
  readonly #clients = new Map<string, EC2Client>();
  readonly #regions: Regions;
  #mayWrite: () => boolean = () => true;

  constructor(options: AwsClientsOptions) {
    const { clock, homeRegion, timeouts = { connect: 3000, answer: 30_000 } } = options;
    this.#clock = clock;
    this.#persistence = new Persistence(clock, options.random);
    this.#homeRegion = homeRegion;
    this.#base = options.base ?? fromNodeProviderChain({ clientConfig: { region: homeRegion } });
    this.#onCall = options.onCall ?? ((): void => undefined);
    this.budget = new RateBudget(clock, options.share);
    this.#regions = new Regions(clock, homeRegion, (target, access) => this.ec2(target, access));
    this.time = new AwsTime(clock);
    const configuration = {
      // Retries are ours: each must pass the rate budget, and a write without a token must not be repeated blindly.
      maxAttempts: 1,
      retryMode: 'standard',
      ...(options.endpoint !== undefined && { endpoint: options.endpoint }),
      ...(options.userAgent !== undefined && { customUserAgent: options.userAgent }),
    };
    const first = new STSClient({
      ...configuration,
      region: homeRegion,
      requestHandler: options.carrier ?? {
        connectionTimeout: timeouts.connect,
        requestTimeout: timeouts.answer,
        throwOnRequestTimeout: true,
        // An answer that stops in the middle: the request timeout ends with its first byte.
        socketTimeout: timeouts.answer,
        httpAgent: { keepAlive: true, maxSockets: SOCKETS },
        httpsAgent: { keepAlive: true, maxSockets: SOCKETS },
        // It would write to the console when all sockets are busy, which is nothing unusual here.
        logger: SILENT,
      },
    });
    // One pool for all clients. For the same reason no client is ever destroyed: that would close the pool for all.
    this.#connections = first.config.requestHandler;
    this.#shared = { ...configuration, requestHandler: this.#connections };
    this.#credentials = new CredentialSource({
      clock,
      time: this.time,
      base: this.#base,
      stsFor: (keys, sts) => this.#sts(keys, sts),
      sessionName: SESSION_NAME,
      region: homeRegion,
    });
  }

  /** The services of a target, reached as `access` says. Nothing is asked of AWS before the first call. */
  services(target: Target, access: AccountAccess): TargetServices {
    const api = (service: keyof TargetServices): ServiceApi => ({
      target,
      send: (command, options = {}) => this.#send(service, target, access, command, options),
    });
    return { ec2: api('ec2'), kms: api('kms'), ssm: api('ssm') };
  }

  /** EC2 in a target. */
  ec2(target: Target, access: AccountAccess): ServiceApi {
    return this.services(target, access).ec2;
  }

  /**
   * The regions that an account has enabled; asked once an hour.
   * @throws AwsError, or the reason of the signal
   */
  async regionsOf(access: AccountAccess, signal?: AbortSignal): Promise<ReadonlySet<string>> {
    return await this.#regions.of(access, signal);
  }

  /**
   * From now on a call that changes something is sent only while `mayWrite` says so. It is asked when the call's turn has
   * come, however long it has waited for the rate budget, and again when it is signed and goes out (S10).
   */
  fence(mayWrite: () => boolean): void {
    this.#mayWrite = mayWrite;
  }

  /** Closes every connection. Calls that are under way fail. */
  close(): void {
    this.#clients.clear();
    this.#connections.destroy?.();
  }

  async #send<Input extends object, Output extends object>(
    service: keyof TargetServices,
    target: Target,
    access: AccountAccess,
    command: SdkCommand<Input, Output>,
    { priority = 'normal', flow = '', permit, signal }: CallOptions,
  ): Promise<Output> {
    const action = actionOf(command);
    refuseEmptyLists(action, target, command.input);
    const client = this.#client(service, target, access);
    // A signal of a whole pass or process has as many listeners as calls that wait for it.
    if (signal) setMaxListeners(0, signal);
    const isChange = changes(action, command.input);
    const abortable = isChange ? undefined : signal;
    const prepaid = permit?.action === action ? permit : undefined;
    const once = async (): Promise<Output> => {
      const keys = await unlessAborted(this.#credentials.forAccount(access), signal);
      const askedAt = this.#clock.monotonic();
      const spent = prepaid?.spend() ?? 'used';
      if (spent === 'void') throw heldBack(action, target);
      if (spent === 'used') await this.budget.acquire(target, action, { priority, flow, ...(signal && { signal }) });
      const waitedMs = this.#clock.monotonic() - askedAt;
      if (isChange && !this.#mayWrite()) throw notLeader(action, target);
      try {
        return await this.#measured(action, target, () => send(client, command, abortable), waitedMs);
      } catch (thrown) {
        abortable?.throwIfAborted();
        if (saysExpired(thrown, action, target)) this.#credentials.drop(access, keys);
        throw thrown;
      }
    };
    try {
      return await this.#persistence.persist({
        action,
        target,
        repeatable: mayRepeat(action, command.input),
        leavesThrottled: prepaid !== undefined,
        signal,
        run: () => withSecondChance(once, (thrown) => wasSignedWrong(thrown) || saysExpired(thrown, action, target)),
      });
    } catch (thrown) {
      if (signal?.aborted && thrown === signal.reason) throw thrown;
      throw await this.#regions.explain(toAwsError(thrown, action, target), access, signal);
    }
  }

  async #measured<T>(action: string, target: Target, request: () => Promise<T>, waitedMs = 0): Promise<T> {
    const sentAt = this.#clock.monotonic();
    const report = (outcome: string, errorClass?: ErrorClass): void => {
      const ms = this.#clock.monotonic() - sentAt;
      this.#onCall({ action, target, outcome, ...(errorClass && { errorClass }), ms, waitedMs });
    };
    let answer: T;
    try {
      answer = await request();
    } catch (thrown) {
      const { code, class: errorClass, message } = toAwsError(thrown, action, target);
      if (errorClass === 'throttle') this.budget.refused(target, action);
      else if (errorClass === 'capacity' && SAYS_FULL.test(message)) this.budget.full(target, action);
      else if (errorClass !== 'transient') this.budget.accepted(target, action);
      report(code, errorClass);
      throw thrown;
    }
    this.budget.accepted(target, action);
    report('ok');
    return answer;
  }

  #client(service: keyof TargetServices, target: Target, access: AccountAccess): EC2Client {
    const id = [service, target.region, access.account, access.roleArn, access.externalId].join('\n');
    let client = this.#clients.get(id);
    if (!client) {
      client = CLIENTS[service]({
        ...this.#shared,
        region: target.region,
        credentials: withoutCache(() => this.#credentials.forAccount(access)),
      });
      this.#watchTime(client);
      this.#guardWrites(client, target);
      this.#clients.set(id, client);
    }
    return client;
  }

  /**
   * Between the check before a call and its sending the SDK asks for keys and signs, in several turns of the event loop:
   * a process that is frozen in one of them would send when it wakes up, long after the lease.
   */
  #guardWrites(client: EC2Client, target: Target): void {
    client.middlewareStack.add(
      (next, { commandName = '' }) =>
        async (args) => {
          const action = commandName.replace(/Command$/, '');
          if (changes(action, args.input) && !this.#mayWrite()) throw notLeader(action, target);
          return await next(args);
        },
      // The innermost: nothing is awaited any more between this and the sending.
      { step: 'deserialize', priority: 'low', name: 'guardWrites' },
    );
  }

  #sts(keys: KeySource, target: Target): StsApi {
    const client = new STSClient({ ...this.#shared, region: this.#homeRegion, credentials: withoutCache(keys) });
    this.#watchTime(client);
    const sts = stsOver(client);
    // A session more does no harm, so that asking for one may be repeated.
    const call = <T>(action: string, request: () => Promise<T>): Promise<T> =>
      this.#persistence.persist({
        action,
        target,
        repeatable: true,
        run: () => withSecondChance(() => this.#measured(action, target, request), wasSignedWrong),
      });
    return {
      assumeRole: (request) => call('AssumeRole', () => sts.assumeRole(request)),
      callerAccount: () => call('GetCallerIdentity', () => sts.callerAccount()),
    };
  }

  #watchTime(client: EC2Client | STSClient): void {
    // Both stacks are one at run time; their types differ in the operations.
    const { middlewareStack } = client as EC2Client;
    middlewareStack.add(
      (next) => async (args) => {
        const sentAt = this.#clock.monotonic();
        const result = await next(args);
        this.time.observe((result.response as { headers?: Record<string, string> }).headers?.['date'], sentAt);
        return result;
      },
      // The innermost: here an error is still an answer.
      { step: 'deserialize', priority: 'low', name: 'watchTime' },
    );
  }
}

const notLeader = (action: string, target: Target): AwsError =>
  new AwsError({
    class: 'refused',
    code: 'NotLeader',
    action,
    target,
    certain: true,
    why: 'this replica is not the leader any more',
    remedy: 'The new leader does it',
  });

/** A quota on what runs at a time, unlike one on what there is (ec2-facts, section 3). */
const SAYS_FULL = /concurrent|in progress/i;

/** What EC2 says when a session is over. */
const EXPIRED: ReadonlySet<string> = new Set(['ExpiredToken', 'ExpiredTokenException', 'RequestExpired']);
const saysExpired = (thrown: unknown, action: string, target: Target): boolean =>
  EXPIRED.has(toAwsError(thrown, action, target).code);

const SILENT = {
  debug: (): void => undefined,
  info: (): void => undefined,
  warn: (): void => undefined,
  error: (): void => undefined,
};

/** The SDK keeps keys to their end by the machine's clock; ours are renewed by AWS's, and dropped when AWS says so. */
const withoutCache = (source: KeySource): KeySource => Object.assign(() => source(), { memoized: true });

async function send<Input extends object, Output extends object>(
  client: EC2Client,
  command: SdkCommand<Input, Output>,
  abortSignal: AbortSignal | undefined,
): Promise<Output> {
  // See SdkCommand: one operation stands for all.
  const answer: unknown = await client.send(
    command as unknown as DescribeRegionsCommand,
    abortSignal ? { abortSignal } : {},
  );
  return answer as Output;
}
