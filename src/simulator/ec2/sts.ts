import type { Clock } from '../../ambient/clock.ts';
import type { Answer } from './call.ts';
import type { Query } from './query.ts';
import { Refusal } from './refusal.ts';
import type { Seed } from './seed.ts';

/** Who a request comes from. */
export interface Identity {
  readonly account: string;
  readonly arn: string;
}

const ROLE_KEY = 'ASIASIM';
const USER_KEY = /^AKIASIM(\d{12})$/;

/** Access keys of the simulated world: a key says by itself which account it acts in. */
export class Sts {
  readonly #seed: Seed;
  readonly #clock: Clock;
  readonly #sessions = new Map<string, Identity & { readonly token: string; readonly expires: number }>();

  constructor(seed: Seed, clock: Clock) {
    this.#seed = seed;
    this.#clock = clock;
  }

  /** @throws Refusal when the key is not known, or its session is over */
  identify(accessKeyId: string, sessionToken: string | undefined): Identity {
    const user = USER_KEY.exec(accessKeyId);
    if (user?.[1]) return { account: user[1], arn: `arn:aws:iam::${user[1]}:user/simulated` };
    if (!accessKeyId.startsWith(ROLE_KEY)) {
      const account = Object.keys(this.#seed.accounts)[0] ?? '';
      return { account, arn: `arn:aws:iam::${account}:user/simulated` };
    }
    const session = this.#sessions.get(accessKeyId);
    if (!session || session.token !== sessionToken) {
      throw new Refusal('InvalidClientTokenId', 'The security token included in the request is invalid.', 403);
    }
    if (session.expires <= this.#clock.now())
      throw new Refusal('ExpiredToken', 'The security token included in the request is expired', 400);
    return session;
  }

  answer(action: string, query: Query, caller: Identity): Answer {
    if (action === 'GetCallerIdentity') return { UserId: 'AIDASIMULATED', Account: caller.account, Arn: caller.arn };
    if (action === 'AssumeRole') return this.#assumeRole(query, caller);
    throw new Refusal('InvalidAction', `Could not find operation ${action} for version 2011-06-15`);
  }

  #assumeRole(query: Query, caller: Identity): Answer {
    const arn = query.required('RoleArn');
    const name = query.required('RoleSessionName');
    if (!/^[\w+=,.@-]{2,64}$/.test(name))
      throw new Refusal('ValidationError', `Value '${name}' at 'roleSessionName' failed to satisfy constraint`);
    const seconds = Number(query.get('DurationSeconds') ?? 3600);
    const chained = caller.arn.includes(':assumed-role/');
    if (!(seconds >= 900 && seconds <= 43_200))
      throw new Refusal('ValidationError', `Value '${seconds}' at 'durationSeconds' failed to satisfy constraint`);
    if (chained && seconds > 3600)
      throw new Refusal(
        'ValidationError',
        'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining',
      );
    const role = this.#seed.roles.find((each) => each.arn === arn);
    const account = arn.split(':')[4] ?? '';
    const trusted = role && (role.trusts.length === 0 || role.trusts.includes(caller.account));
    const externalId = query.get('ExternalId');
    if (!role || !trusted || (role.externalId !== undefined && role.externalId !== externalId)) {
      throw new Refusal(
        'AccessDenied',
        `User: ${caller.arn} is not authorized to perform: sts:AssumeRole on resource: ${arn}`,
        403,
      );
    }
    const key = `${ROLE_KEY}${account}${String(this.#sessions.size + 1).padStart(4, '0')}`;
    const roleName = arn.slice(arn.lastIndexOf('/') + 1);
    const expires = this.#clock.now() + seconds * 1000;
    const token = `session-${key}`;
    const assumed = `arn:aws:sts::${account}:assumed-role/${roleName}/${name}`;
    this.#sessions.set(key, { account, arn: assumed, token, expires });
    return {
      Credentials: {
        AccessKeyId: key,
        SecretAccessKey: `secret-${key}`,
        SessionToken: token,
        Expiration: new Date(expires).toISOString(),
      },
      AssumedRoleUser: { AssumedRoleId: `AROASIMULATED:${name}`, Arn: assumed },
    };
  }
}
