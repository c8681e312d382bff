import { DescribeRegionsCommand } from '@aws-sdk/client-ec2';
import type { Clock } from '../ambient/clock.ts';
import type { Target } from '../policy/model.ts';
import type { ServiceApi } from './aws-clients.ts';
import { AwsError } from './aws-error.ts';
import type { AccountAccess } from './credentials.ts';
import { unlessAborted } from './unless-aborted.ts';

const KNOWN_FOR_MS = 60 * 60_000;
/** What EC2 says in a region that is not enabled: as if the credentials were wrong (ec2-facts 9.3). */
const NOT_ENABLED_LOOKS_LIKE: ReadonlySet<string> = new Set(['AuthFailure', 'OptInRequired']);

interface Known {
  /** Monotonic milliseconds. */
  readonly until: number;
  readonly names: Promise<ReadonlySet<string>>;
}

/** Which regions each account has enabled. */
export class Regions {
  readonly #clock: Clock;
  readonly #home: string;
  readonly #ec2: (target: Target, access: AccountAccess) => ServiceApi;
  readonly #known = new Map<string, Known>();

  constructor(clock: Clock, home: string, ec2: (target: Target, access: AccountAccess) => ServiceApi) {
    this.#clock = clock;
    this.#home = home;
    this.#ec2 = ec2;
  }

  /** @throws AwsError, or the reason of the signal */
  async of(access: AccountAccess, signal?: AbortSignal): Promise<ReadonlySet<string>> {
    const key = [access.account, access.roleArn, access.externalId].join('\n');
    let known = this.#known.get(key);
    if (!known || known.until <= this.#clock.monotonic()) {
      known = this.#ask(key, access);
      this.#known.set(key, known);
    }
    return await unlessAborted(known.names, signal);
  }

  /** Says so when a call was refused because the region is not enabled; any other error stays as it is. */
  async explain(error: AwsError, access: AccountAccess, signal?: AbortSignal): Promise<AwsError> {
    const { target, action } = error;
    if (!NOT_ENABLED_LOOKS_LIKE.has(error.code) || target.region === this.#home) return error;
    try {
      if ((await this.of(access, signal)).has(target.region)) return error;
    } catch {
      return error;
    }
    return new AwsError({
      class: 'access',
      code: 'RegionNotEnabled',
      action,
      target,
      certain: true,
      why: `the region is not enabled in account ${target.account} (${error.code})`,
      remedy: 'Enable the region in the account, or take it out of the policy',
    });
  }

  #ask(key: string, access: AccountAccess): Known {
    // No signal goes along: whoever asks next waits for the same answer.
    const known: Known = { until: this.#clock.monotonic() + KNOWN_FOR_MS, names: this.#read(access) };
    known.names.catch(() => {
      if (this.#known.get(key) === known) this.#known.delete(key);
    });
    return known;
  }

  async #read(access: AccountAccess): Promise<ReadonlySet<string>> {
    const home = this.#ec2({ account: access.account, region: this.#home }, access);
    const { Regions } = await home.send(new DescribeRegionsCommand({}));
    return new Set((Regions ?? []).flatMap(({ RegionName }) => RegionName ?? []));
  }
}
