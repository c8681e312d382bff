import type { Answer } from './call.ts';
import type { Query } from './query.ts';
import { Refusal } from './refusal.ts';
import { isRegion } from './regions.ts';
import type { SimWorld } from './sim-world.ts';

/** Who a request comes from. */
export interface Identity {
  readonly account: string;
  readonly arn: string;
  readonly userId: string;
}

/** Which service is called: they word the refusal of keys differently. */
export type Service = 'ec2' | 'sts' | 'kms' | 'ssm';

const ROLE_KEY = 'ASIASIM';
const USER_KEY = /^AKIASIM(\d{12})$/;
const CHAINED_SECONDS = 3600;
const LONGEST_SECONDS = 43_200;

interface Session extends Identity {
  readonly token: string;
  readonly expires: number;
}

/** Access keys of the simulated world: a key says by itself which account it acts in. */
export class Sts {
  readonly #world: SimWorld;
  readonly #sessions = new Map<string, Session>();

  constructor(world: SimWorld) {
    this.#world = world;
  }

  /** @throws Refusal when the key is not known, or its session is over */
  identify(accessKeyId: string, sessionToken: string | undefined, service: Service): Identity {
    if (!accessKeyId.startsWith(ROLE_KEY)) {
      const account = USER_KEY.exec(accessKeyId)?.[1] ?? Object.keys(this.#world.seed.accounts)[0] ?? '';
      return { account, arn: `arn:aws:iam::${account}:user/simulated`, userId: 'AIDASIMULATED' };
    }
    const session = this.#sessions.get(accessKeyId);
    if (session?.token !== sessionToken || !session) throw unknownKey(service);
    if (session.expires <= this.#world.now()) throw expired(service);
    return session;
  }

  /** @param region where the request was signed for */
  answer(action: string, query: Query, caller: Identity, region: string): Answer {
    if (!isRegion(region) || !this.#world.isEnabled(caller.account, region))
      throw new Refusal(
        'RegionDisabledException',
        `STS is not activated in this region for account:${caller.account}. Your account administrator can activate STS in this region using the IAM Console.`,
        403,
      );
    if (action === 'GetCallerIdentity') return { UserId: caller.userId, Account: caller.account, Arn: caller.arn };
    if (action === 'AssumeRole') return this.#assumeRole(query, caller);
    throw new Refusal('InvalidAction', `Could not find operation ${action} for version 2011-06-15`);
  }

  #assumeRole(query: Query, caller: Identity): Answer {
    const arn = query.get('RoleArn') ?? '';
    const name = query.get('RoleSessionName') ?? '';
    const externalId = query.get('ExternalId');
    const seconds = Number(query.get('DurationSeconds') ?? 3600);
    check(arn, 'roleArn', /^arn:aws:iam::\d{12}:role\/.+$/);
    check(name, 'roleSessionName', /^[\w+=,.@-]{2,64}$/);
    if (externalId !== undefined) check(externalId, 'externalId', /^[\w+=,.@:/-]{2,1224}$/);
    if (!(Number.isInteger(seconds) && seconds >= 900 && seconds <= LONGEST_SECONDS))
      throw invalid(String(query.get('DurationSeconds')), 'durationSeconds', `be from 900 to ${LONGEST_SECONDS}`);
    if (caller.arn.includes(':assumed-role/') && seconds > CHAINED_SECONDS)
      throw new Refusal(
        'ValidationError',
        'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining',
      );
    const role = this.#world.seed.roles.find((each) => each.arn === arn);
    const trusted = role && (role.trusts === undefined || role.trusts.includes(caller.account));
    if (!role || !trusted || (role.externalId !== undefined && role.externalId !== externalId)) {
      throw new Refusal(
        'AccessDenied',
        `User: ${caller.arn} is not authorized to perform: sts:AssumeRole on resource: ${arn}`,
        403,
      );
    }
    return this.#open(arn, name, seconds);
  }

  #open(arn: string, name: string, seconds: number): Answer {
    const account = arn.split(':')[4] ?? '';
    const key = `${ROLE_KEY}${account}${String(this.#sessions.size + 1).padStart(4, '0')}`;
    const roleName = arn.slice(arn.lastIndexOf('/') + 1);
    const expires = this.#world.now() + seconds * 1000;
    const session: Session = {
      account,
      arn: `arn:aws:sts::${account}:assumed-role/${roleName}/${name}`,
      userId: `AROASIMULATED:${name}`,
      token: `session-${key}`,
      expires,
    };
    this.#sessions.set(key, session);
    return {
      Credentials: {
        AccessKeyId: key,
        SecretAccessKey: `secret-${key}`,
        SessionToken: session.token,
        Expiration: new Date(Math.floor(expires / 1000) * 1000).toISOString().replace('.000Z', 'Z'),
      },
      AssumedRoleUser: { AssumedRoleId: session.userId, Arn: session.arn },
    };
  }
}

function unknownKey(service: Service): Refusal {
  if (service === 'ec2')
    return new Refusal('AuthFailure', 'AWS was not able to validate the provided access credentials', 401);
  return service === 'sts'
    ? new Refusal('InvalidClientTokenId', 'The security token included in the request is invalid.', 403)
    : new Refusal('UnrecognizedClientException', 'The security token included in the request is invalid.');
}

function expired(service: Service): Refusal {
  if (service === 'ec2') return new Refusal('RequestExpired', 'Request has expired.', 400);
  return service === 'sts'
    ? new Refusal('ExpiredToken', 'The security token included in the request is expired', 403)
    : new Refusal('ExpiredTokenException', 'The security token included in the request is expired');
}

const invalid = (value: string, parameter: string, constraint: string): Refusal =>
  new Refusal(
    'ValidationError',
    `1 validation error detected: Value '${value}' at '${parameter}' failed to satisfy constraint: Member must ${constraint}`,
  );

function check(value: string, parameter: string, pattern: RegExp): void {
  if (!pattern.test(value)) throw invalid(value, parameter, `satisfy regular expression pattern: ${pattern.source}`);
}
