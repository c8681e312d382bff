import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/ambient/virtual-clock.ts';
import { AwsError } from '../../src/aws/aws-error.ts';
import { type AccountAccess, CredentialSource, type Keys, type RoleRequest } from '../../src/aws/credentials.ts';

const START = Date.parse('2026-01-01T00:00:00Z');
const ACCOUNT = '111122223333';
const ROLE: AccountAccess = {
  account: ACCOUNT,
  roleArn: `arn:aws:iam::${ACCOUNT}:role/amifleet`,
  externalId: 'hush-hush',
};
const MINUTE = 60_000;

/** STS of a small world: roles give sessions of an hour, and every key belongs to an account. */
function world() {
  const clock = new VirtualClock(START);
  const asked: RoleRequest[] = [];
  const verified: string[] = [];
  const state = {
    /** How far AWS's clock is ahead of the machine's. */
    ahead: 0,
    account: ACCOUNT as string | undefined,
    refusal: undefined as Error | undefined,
    base: { accessKeyId: 'BASE', secretAccessKey: 's' } as Keys,
  };
  const source = new CredentialSource({
    clock,
    time: { now: () => clock.now() + state.ahead },
    base: async () => state.base,
    sessionName: 'amifleet',
    region: 'us-east-1',
    stsFor: (keys) => ({
      assumeRole: async (request) => {
        const number = asked.push(request);
        await Promise.resolve();
        if (state.refusal) throw state.refusal;
        const expiration = new Date(clock.now() + state.ahead + request.seconds * 1000);
        return { accessKeyId: `KEY${number}`, secretAccessKey: 's', sessionToken: 't', expiration };
      },
      callerAccount: async () => {
        verified.push((await keys()).accessKeyId);
        return state.account;
      },
    }),
  });
  const key = async (access: AccountAccess = ROLE): Promise<string> => (await source.forAccount(access)).accessKeyId;
  return { clock, source, asked, verified, state, key };
}

const sdkError = (name: string, message = name, httpStatusCode = 403): Error =>
  Object.assign(new Error(message), { name, $metadata: { httpStatusCode, requestId: 'r-1' } });
const errorOf = async (call: Promise<unknown>): Promise<AwsError> => {
  const error: unknown = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof AwsError)) throw new Error(`not an AwsError: ${String(error)}`);
  return error;
};

describe('credentials of an account with a role', () => {
  it('are those of the role, verified before they are given', async () => {
    const { key, asked, verified } = world();
    expect(await key()).toBe('KEY1');
    expect(verified).toEqual(['KEY1']);
    expect(asked).toEqual([{ roleArn: ROLE.roleArn, externalId: 'hush-hush', sessionName: 'amifleet', seconds: 3600 }]);
  });

  it('are asked for once by all who need them at the same time', async () => {
    const { key, asked } = world();
    expect(new Set(await Promise.all(Array.from({ length: 20 }, () => key())))).toEqual(new Set(['KEY1']));
    expect(asked).toHaveLength(1);
  });

  it('are renewed five minutes before they expire', async () => {
    const { clock, key } = world();
    await key();
    await clock.advance(55 * MINUTE - 1);
    expect(await key()).toBe('KEY1');
    await clock.advance(1);
    expect(await key()).toBe('KEY2');
  });

  it('are renewed by the clock of AWS, however wrong the own one is', async () => {
    const { clock, key, state } = world();
    state.ahead = -7 * 86_400_000;
    await key();
    await clock.advance(54 * MINUTE);
    expect(await key()).toBe('KEY1');
    await clock.advance(2 * MINUTE);
    expect(await key()).toBe('KEY2');
  });

  it('are kept apart by role and external id', async () => {
    const { key, asked } = world();
    const keys = [ROLE, { ...ROLE, externalId: 'other' }, { ...ROLE, roleArn: `${ROLE.roleArn}-2` }].map(key);
    expect(new Set(await Promise.all(keys)).size).toBe(3);
    expect(asked).toHaveLength(3);
  });

  it('are not given when they are of another account, or of none that can be told', async () => {
    const { key, state, clock } = world();
    state.account = '999999999999';
    const error = await errorOf(key());
    expect(error).toMatchObject({
      class: 'access',
      code: 'WrongAccount',
      target: { account: ACCOUNT, region: 'us-east-1' },
    });
    expect(error.message).toContain('999999999999');
    await clock.advance(MINUTE);
    state.account = undefined;
    expect((await errorOf(key())).code).toBe('WrongAccount');
  });

  it('are used to their end while STS is out of order, and no longer', async () => {
    const { clock, key, state, asked } = world();
    await key();
    await clock.advance(56 * MINUTE);
    state.refusal = sdkError('InternalFailure', 'x', 500);
    expect(await key()).toBe('KEY1');
    expect(await key()).toBe('KEY1');
    expect(asked).toHaveLength(2);
    await clock.advance(MINUTE);
    expect(await key()).toBe('KEY1');
    expect(asked).toHaveLength(3);
    await clock.advance(3 * MINUTE);
    expect((await errorOf(key())).class).toBe('transient');
  });

  it('are not used any more when STS refuses the role', async () => {
    const { clock, key, state } = world();
    await key();
    await clock.advance(56 * MINUTE);
    state.refusal = sdkError('AccessDenied');
    expect(await errorOf(key())).toMatchObject({ class: 'access', code: 'AssumeRoleFailed' });
  });
});

describe('a role that cannot be assumed', () => {
  it('is not tried again before ten seconds have passed', async () => {
    const { clock, key, state, asked } = world();
    state.refusal = sdkError('AccessDenied');
    for (let i = 0; i < 5; i++) expect((await errorOf(key())).code).toBe('AssumeRoleFailed');
    expect(asked).toHaveLength(1);
    await clock.advance(10_000);
    state.refusal = undefined;
    expect(await key()).toBe('KEY2');
  });

  it.each([
    ['ValidationError', 400],
    ['AccessDenied', 403],
    ['SomethingElse', 400],
    ['InternalFailure', 500],
  ])('says so without the external id, whatever %s quotes', async (code, status) => {
    const { key, state } = world();
    state.refusal = sdkError(code, `the value hush-hush is not allowed`, status);
    const error = await errorOf(key());
    expect(inspect(error, { depth: 9 })).not.toContain('hush-hush');
    expect(error.message).toContain(`AssumeRole in ${ACCOUNT}/us-east-1`);
  });

  it('is told apart from own credentials that are not accepted', async () => {
    const { key, state } = world();
    state.refusal = sdkError('InvalidClientTokenId');
    expect(await errorOf(key())).toMatchObject({ class: 'access', code: 'InvalidClientTokenId' });
  });
});

describe('credentials of an account without a role', () => {
  const own = { account: ACCOUNT };

  it('are the own identity, when it is in that account', async () => {
    const { key, asked, verified } = world();
    expect(await key(own)).toBe('BASE');
    expect(asked).toEqual([]);
    expect(verified).toEqual(['BASE']);
    expect(await errorOf(key({ account: '999999999999' }))).toMatchObject({ code: 'WrongAccount' });
  });

  it('are verified again every quarter of an hour', async () => {
    const { clock, key, verified, state } = world();
    await key(own);
    await clock.advance(15 * MINUTE - 1);
    await key(own);
    expect(verified).toHaveLength(1);
    await clock.advance(1);
    state.base = { accessKeyId: 'NEW', secretAccessKey: 's' };
    expect(await key(own)).toBe('NEW');
    expect(verified).toHaveLength(2);
  });
});

describe('dropped credentials', () => {
  it('are obtained anew', async () => {
    const { source, key } = world();
    source.drop(ROLE, await source.forAccount(ROLE));
    expect(await key()).toBe('KEY2');
  });

  it('leave newer ones alone', async () => {
    const { source, key, asked } = world();
    const old = await source.forAccount(ROLE);
    source.drop(ROLE, old);
    await key();
    source.drop(ROLE, old);
    expect(await key()).toBe('KEY2');
    expect(asked).toHaveLength(2);
  });
});
