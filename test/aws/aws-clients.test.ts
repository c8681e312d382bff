import { setMaxListeners } from 'node:events';
import {
  CopyImageCommand,
  CreateTagsCommand,
  DescribeImagesCommand,
  type DescribeImagesCommandOutput,
  DescribeSnapshotsCommand,
} from '@aws-sdk/client-ec2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../src/ambient/clock.ts';
import { seededRandom } from '../../src/ambient/random.ts';
import { AwsClients, type AwsClientsOptions, type CallReport } from '../../src/aws/aws-clients.ts';
import { AwsError } from '../../src/aws/aws-error.ts';
import {
  type Answer,
  callerIn,
  failure,
  garbage,
  html,
  type QueryServer,
  queryServer,
  reset,
  session,
  silence,
  stall,
  success,
} from './query-server.ts';

const ACCOUNT = '111122223333';
const OWN = { account: ACCOUNT };
const ROLE = { account: ACCOUNT, roleArn: `arn:aws:iam::${ACCOUNT}:role/amifleet`, externalId: 'very-secret-id' };
const TARGET = { account: ACCOUNT, region: 'eu-west-1' };

/** Sleeps, as the backoff does, take no time: real sockets do, and virtual time would have to wait for them. */
const slept: number[] = [];
const hurried: Clock = {
  ...systemClock,
  after: (ms, run) => {
    slept.push(ms);
    return systemClock.after(0, run);
  },
};

let server: QueryServer;
let clients: AwsClients;
let calls: CallReport[];

const open = (options: Partial<AwsClientsOptions> = {}): AwsClients => {
  clients?.close();
  clients = new AwsClients({
    clock: hurried,
    random: seededRandom(1),
    homeRegion: 'us-east-1',
    endpoint: server.url,
    base: async () => ({ accessKeyId: 'OWNKEY', secretAccessKey: 'own-secret' }),
    timeouts: { connect: 2000, answer: 5000 },
    onCall: (call) => calls.push(call),
    ...options,
  });
  return clients;
};

beforeEach(async () => {
  server = await queryServer();
  calls = [];
  slept.length = 0;
  server.on('GetCallerIdentity', callerIn(ACCOUNT));
  open();
});

afterEach(async () => {
  clients.close();
  await server[Symbol.asyncDispose]();
});

const images = success('<imagesSet><item><imageId>ami-1</imageId></item></imagesSet>');
const describeImages = (options = {}): Promise<DescribeImagesCommandOutput> =>
  clients.ec2(TARGET, OWN).send(new DescribeImagesCommand({ Owners: ['self'] }), options);
const tagging = (): CreateTagsCommand =>
  new CreateTagsCommand({ Resources: ['ami-1'], Tags: [{ Key: 'a', Value: 'b' }] });
const copy = (token?: string): Promise<unknown> =>
  clients.ec2(TARGET, OWN).send(
    new CopyImageCommand({
      Name: 'n',
      SourceImageId: 'ami-1',
      SourceRegion: 'us-east-1',
      ClientToken: token,
    }),
  );
const errorOf = async (call: Promise<unknown>): Promise<AwsError> => {
  const error: unknown = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof AwsError)) throw new Error(`not an AwsError: ${String(error)}`);
  return error;
};
const sent = (action: string): typeof server.requests => server.requests.filter((request) => request.action === action);

describe('a fence', () => {
  it('stops what changes something before it is signed, and reads are none of its business', async () => {
    server.on('DescribeImages', images);
    clients.fence(() => false);
    expect(await errorOf(clients.ec2(TARGET, OWN).send(tagging()))).toMatchObject({ code: 'NotLeader', certain: true });
    expect(sent('CreateTags')).toEqual([]);
    expect((await describeImages()).Images).toHaveLength(1);
  });

  it('stops it also when the lease ends while it is being signed', async () => {
    let looks = 0;
    clients.fence(() => ++looks === 1);
    expect(await errorOf(clients.ec2(TARGET, OWN).send(tagging()))).toMatchObject({ code: 'NotLeader', certain: true });
    expect(looks).toBe(2);
    expect(sent('CreateTags')).toEqual([]);
  });
});

describe('a call', () => {
  it('goes to the region of the target, signed by the own identity, and returns what EC2 answers', async () => {
    server.on('DescribeImages', images);
    const answer = await describeImages();
    expect(answer.Images?.map(({ ImageId }) => ImageId)).toEqual(['ami-1']);
    expect(sent('DescribeImages')[0]).toMatchObject({ region: 'eu-west-1', service: 'ec2', accessKey: 'OWNKEY' });
  });

  it('is reported with its action, target and outcome', async () => {
    server.on('DescribeImages', failure(503, 'RequestLimitExceeded'), images);
    await describeImages();
    expect(calls.filter(({ action }) => action === 'DescribeImages')).toMatchObject([
      { target: TARGET, outcome: 'RequestLimitExceeded' },
      { target: TARGET, outcome: 'ok' },
    ]);
    expect(calls.every(({ ms }) => ms >= 0)).toBe(true);
  });

  it('names the program to AWS when told to', async () => {
    server.on('DescribeImages', images);
    open({ userAgent: 'amifleet/1.2.3' });
    await describeImages();
    expect(sent('DescribeImages')[0]?.headers['user-agent']).toContain('amifleet/1.2.3');
  });

  it.each([
    ['ImageIds', new DescribeImagesCommand({ ImageIds: [] })],
    ['Owners', new DescribeImagesCommand({ Owners: [] })],
  ])('is refused when %s is an empty list, which EC2 reads as everything', async (name, command) => {
    const error = await errorOf(clients.ec2(TARGET, OWN).send(command));
    expect(error).toMatchObject({ class: 'bug', code: 'EmptyList', certain: true });
    expect(error.message).toContain(name);
    expect(server.requests).toEqual([]);
  });

  it('of snapshots by an empty list of ids is refused as well', async () => {
    const error = await errorOf(clients.ec2(TARGET, OWN).send(new DescribeSnapshotsCommand({ SnapshotIds: [] })));
    expect(error.class).toBe('bug');
  });

  it('uses the connections of the calls before it, for EC2 and STS and after keys were renewed', async () => {
    server.on('DescribeImages', images);
    server.on('AssumeRole', session('ASSUMED', new Date(systemClock.now() + 60_000)));
    for (let i = 0; i < 3; i++) {
      await describeImages();
      await clients.ec2(TARGET, ROLE).send(new DescribeImagesCommand({ Owners: ['self'] }));
    }
    expect(server.connections()).toBe(1);
  });
});

describe('a call that fails', () => {
  const passing: readonly (readonly [string, Answer])[] = [
    ['throttled', failure(503, 'RequestLimitExceeded')],
    ['an internal error', failure(500, 'InternalError')],
    ['unavailable', failure(503, 'Unavailable')],
    ['a bad gateway', html(502)],
    ['a connection that breaks', reset],
    ['XML that breaks off', garbage],
  ];

  it.each(passing)('by %s is repeated when it reads', async (_, answer) => {
    server.on('DescribeImages', answer, answer, answer, images);
    expect((await describeImages()).Images).toHaveLength(1);
    expect(sent('DescribeImages')).toHaveLength(4);
  });

  it.each(passing)('by %s is given up after four tries', async (_, answer) => {
    server.on('DescribeImages', answer);
    expect(['throttle', 'transient']).toContain((await errorOf(describeImages())).class);
    expect(sent('DescribeImages')).toHaveLength(4);
    expect(slept.filter((ms) => ms > 0).length).toBeGreaterThanOrEqual(3);
  });

  it.each(passing.slice(1))('by %s is repeated with the same token when it is a copy with one', async (_, answer) => {
    server.on('CopyImage', answer, success('<imageId>ami-2</imageId>'));
    await copy('token-1');
    expect(sent('CopyImage').map(({ parameters }) => parameters.get('ClientToken'))).toEqual(['token-1', 'token-1']);
  });

  it.each(passing.slice(1))('by %s is not repeated when it writes without a token', async (_, answer) => {
    server.on('CreateTags', answer, success('<return>true</return>'));
    server.on('CopyImage', answer, success('<imageId>ami-2</imageId>'));
    const error = await errorOf(clients.ec2(TARGET, OWN).send(tagging()));
    expect(error).toMatchObject({ class: 'transient', certain: false });
    expect(await errorOf(copy())).toMatchObject({ class: 'transient', certain: false });
    expect(sent('CreateTags')).toHaveLength(1);
    expect(sent('CopyImage')).toHaveLength(1);
  });

  it('by throttling is repeated when it writes: it was not done', async () => {
    server.on('CreateTags', failure(503, 'RequestLimitExceeded'), success('<return>true</return>'));
    await clients.ec2(TARGET, OWN).send(tagging());
    expect(sent('CreateTags')).toHaveLength(2);
  });

  it('by throttling slows down that action in that target', async () => {
    server.on('DescribeImages', failure(503, 'RequestLimitExceeded'), images);
    await describeImages();
    const bucket = clients.budget.read().find(({ action }) => action === 'DescribeImages');
    expect(bucket).toMatchObject({ target: TARGET, refill: 8 });
  });

  it.each([
    ['never answers', silence],
    ['stops in the middle of its answer', stall],
  ])('because the server %s ends as a Timeout', async (_, answer) => {
    server.on('CreateTags', answer);
    open({ timeouts: { connect: 2000, answer: 50 } });
    expect(await errorOf(clients.ec2(TARGET, OWN).send(tagging()))).toMatchObject({
      code: 'Timeout',
      class: 'transient',
      certain: false,
    });
  });

  it.each([html(500), html(501), failure(501, 'InternalFailure'), failure(400, 'InvalidAction')])(
    'as an emulator fails for an operation that it lacks is unsupported, and not repeated (%#)',
    async (answer) => {
      server.on('DescribeImages', answer);
      expect(await errorOf(describeImages())).toMatchObject({ class: 'unsupported' });
      expect(sent('DescribeImages')).toHaveLength(1);
    },
  );

  it('because nobody listens says so', async () => {
    open({ endpoint: 'http://127.0.0.1:1' });
    expect(await errorOf(describeImages())).toMatchObject({
      code: 'ConnectionFailed',
      class: 'transient',
      certain: true,
    });
  });

  it('because the name of the region has no endpoint is an UnknownRegion', async () => {
    open({ endpoint: 'http://no-such-name.invalid', homeRegion: 'mars-north-1' });
    expect(await errorOf(describeImages())).toMatchObject({ code: 'UnknownRegion', class: 'access', certain: true });
  });

  it('because of a quota is not repeated', async () => {
    server.on('CopyImage', failure(400, 'ResourceLimitExceeded'));
    expect(await errorOf(copy('t'))).toMatchObject({ class: 'capacity', certain: true });
    expect(sent('CopyImage')).toHaveLength(1);
  });
});

describe('the credentials', () => {
  const inAnHour = (): Date => new Date(systemClock.now() + 3_600_000);
  const describeAs = (access: typeof OWN): Promise<unknown> =>
    clients.ec2(TARGET, access).send(new DescribeImagesCommand({ Owners: ['self'] }));

  it('are those of the role, assumed once in the home region and verified, for all targets of the account', async () => {
    server.on('AssumeRole', session('ASSUMED', inAnHour()));
    server.on('DescribeImages', images);
    const regions = ['eu-west-1', 'eu-west-2', 'us-east-1'];
    await Promise.all(
      regions.map((region) =>
        clients.ec2({ account: ACCOUNT, region }, ROLE).send(new DescribeImagesCommand({ Owners: ['self'] })),
      ),
    );
    expect(sent('DescribeImages').map(({ accessKey }) => accessKey)).toEqual(['ASSUMED', 'ASSUMED', 'ASSUMED']);
    expect(sent('AssumeRole')).toMatchObject([{ region: 'us-east-1', accessKey: 'OWNKEY' }]);
    expect(sent('GetCallerIdentity')).toMatchObject([{ region: 'us-east-1', accessKey: 'ASSUMED' }]);
    expect(Object.fromEntries(sent('AssumeRole')[0]?.parameters ?? [])).toMatchObject({
      RoleArn: ROLE.roleArn,
      ExternalId: ROLE.externalId,
      DurationSeconds: '3600',
    });
  });

  it('are never used in an account that they do not belong to', async () => {
    server.on('AssumeRole', session('ASSUMED', inAnHour()));
    server.on('GetCallerIdentity', callerIn('999999999999'));
    const error = await errorOf(describeAs(ROLE));
    expect(error).toMatchObject({ class: 'access', code: 'WrongAccount' });
    expect(await errorOf(describeAs(OWN))).toMatchObject({ class: 'access', code: 'WrongAccount' });
    expect(sent('DescribeImages')).toEqual([]);
  });

  it('are renewed once when EC2 calls them expired, however many calls it happens to', async () => {
    server.on('AssumeRole', session('FIRST', inAnHour()), session('SECOND', inAnHour()));
    const expired = failure(400, 'RequestExpired');
    server.on('DescribeImages', (request, response) =>
      (request.accessKey === 'FIRST' ? expired : images)(request, response),
    );
    await Promise.all(Array.from({ length: 8 }, () => describeAs(ROLE)));
    expect(sent('AssumeRole')).toHaveLength(2);
    expect(sent('DescribeImages')).toHaveLength(16);
  });

  it('that stay expired are an error', async () => {
    server.on('DescribeImages', failure(400, 'ExpiredToken'));
    expect(await errorOf(describeAs(OWN))).toMatchObject({ class: 'access', code: 'ExpiredToken' });
    expect(sent('DescribeImages')).toHaveLength(2);
  });

  it('are asked for again while STS is out of order', async () => {
    server.on('AssumeRole', failure(500, 'InternalFailure'), reset, session('ASSUMED', inAnHour()));
    server.on('DescribeImages', images);
    await describeAs(ROLE);
    expect(sent('AssumeRole')).toHaveLength(3);
  });

  it('that are refused end in a message without the external id', async () => {
    server.on('AssumeRole', failure(400, 'ValidationError', `Value '${ROLE.externalId}' at 'externalId' is not valid`));
    const error = await errorOf(describeAs(ROLE));
    expect(error).toMatchObject({ class: 'access', code: 'AssumeRoleFailed' });
    expect(error.message).toContain(ROLE.roleArn);
    expect(`${error.message} ${error.stack}`).not.toContain(ROLE.externalId);
  });
});

describe('a region that is not enabled', () => {
  const regions = success('<regionInfo><item><regionName>us-east-1</regionName></item></regionInfo>');

  it('is told apart from wrong credentials', async () => {
    server.on('DescribeRegions', regions);
    server.on('DescribeImages', failure(401, 'AuthFailure'));
    const error = await errorOf(describeImages());
    expect(error).toMatchObject({ class: 'access', code: 'RegionNotEnabled', certain: true });
    expect(error.message).toContain(`${ACCOUNT}/eu-west-1`);
  });

  it('leaves the refusal as it is when the regions cannot be read', async () => {
    server.on('DescribeRegions', failure(403, 'UnauthorizedOperation'));
    server.on('DescribeImages', failure(401, 'AuthFailure'));
    expect(await errorOf(describeImages())).toMatchObject({ class: 'access', code: 'AuthFailure' });
  });

  it('is not looked for when the home region itself refuses', async () => {
    server.on('DescribeRegions', failure(401, 'AuthFailure'));
    expect(await errorOf(clients.regionsOf(OWN))).toMatchObject({ code: 'AuthFailure' });
    expect(sent('DescribeRegions')).toHaveLength(1);
  });

  it('is found in a list that is read once, and again after a failure', async () => {
    server.on('DescribeRegions', failure(403, 'UnauthorizedOperation'), regions);
    await errorOf(clients.regionsOf(OWN));
    expect(await clients.regionsOf(OWN)).toEqual(new Set(['us-east-1']));
    await Promise.all([clients.regionsOf(OWN), clients.regionsOf(OWN)]);
    expect(sent('DescribeRegions').map(({ region }) => region)).toEqual(['us-east-1', 'us-east-1']);
  });
});

describe('an aborted signal', () => {
  it('ends a read', async () => {
    const controller = new AbortController();
    server.on('DescribeImages', () => controller.abort(new Error('stopped')));
    await expect(describeImages({ signal: controller.signal })).rejects.toThrow('stopped');
  });

  it('lets a write that was sent come to its end', async () => {
    const controller = new AbortController();
    server.on('CreateTags', (request, response) => {
      controller.abort(new Error('stopped'));
      success('<return>true</return>')(request, response);
    });
    await clients.ec2(TARGET, OWN).send(tagging(), { signal: controller.signal });
    expect(sent('CreateTags')).toHaveLength(1);
  });

  it('keeps a write from being sent', async () => {
    const signal = AbortSignal.abort(new Error('stopped'));
    await expect(clients.ec2(TARGET, OWN).send(tagging(), { signal })).rejects.toThrow('stopped');
    expect(sent('CreateTags')).toEqual([]);
  });

  it('ends waiting before it begins', async () => {
    server.on('DescribeRegions', success('<regionInfo/>'));
    const signal = AbortSignal.abort(new Error('stopped'));
    await expect(clients.regionsOf(OWN, signal)).rejects.toThrow('stopped');
  });

  it('ends the waiting for keys and regions of one caller, and not of the others', async () => {
    const answers: (() => void)[] = [];
    server.on('DescribeRegions', (request, response) => {
      answers.push(() => success('<regionInfo/>')(request, response));
    });
    const controller = new AbortController();
    const first = clients.regionsOf(OWN, controller.signal);
    const second = clients.regionsOf(OWN);
    await expect.poll(() => answers.length).toBe(1);
    controller.abort(new Error('stopped'));
    await expect(first).rejects.toThrow('stopped');
    answers[0]?.();
    expect(await second).toEqual(new Set());
  });

  it('shared by many calls is no cause for a warning', async () => {
    const warnings: string[] = [];
    const note = (warning: Error): unknown => warnings.push(warning.message);
    process.on('warning', note);
    server.on('DescribeImages', images);
    const { signal } = new AbortController();
    // What Node has outside of the test runner.
    setMaxListeners(10, signal);
    await Promise.all(Array.from({ length: 60 }, () => describeImages({ signal })));
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', note);
    expect(warnings).toEqual([]);
  });
});

describe('the time of AWS', () => {
  const ahead = 3 * 86_400_000;
  const date = (): { date: string } => ({ date: new Date(systemClock.now() + ahead).toUTCString() });

  it('is taken from its answers', async () => {
    server.on('GetCallerIdentity', (request, response) =>
      success(`<Account>${ACCOUNT}</Account>`, date())(request, response),
    );
    server.on('DescribeImages', (request, response) => success('<imagesSet/>', date())(request, response));
    await describeImages();
    expect(Math.abs(clients.time.now() - systemClock.now() - ahead)).toBeLessThan(5000);
  });

  it('is taken from its refusals, too', async () => {
    server.on('GetCallerIdentity', failure(403, 'AccessDenied', 'no', date()));
    await errorOf(describeImages());
    expect(Math.abs(clients.time.now() - systemClock.now() - ahead)).toBeLessThan(5000);
  });

  /** Answers only what is signed by the time of AWS. */
  const strict =
    (answer: Answer, code: string): Answer =>
    (request, response) => {
      const day = new Date(systemClock.now() + ahead).toISOString().slice(0, 10).replaceAll('-', '');
      const good = request.headers['x-amz-date']?.toString().startsWith(day);
      (good ? answer : failure(401, code, 'No.', date()))(request, response);
    };

  it.each(['AuthFailure', 'RequestExpired'])('is what a request is signed by again after %s', async (code) => {
    server.on('DescribeImages', strict(images, code));
    expect((await describeImages()).Images).toHaveLength(1);
    expect(sent('DescribeImages')).toHaveLength(2);
  });

  it('is what STS is asked with, too', async () => {
    const expiration = new Date(systemClock.now() + ahead + 3_600_000);
    server.on('AssumeRole', strict(session('ASSUMED', expiration), 'SignatureDoesNotMatch'));
    server.on('GetCallerIdentity', strict(callerIn(ACCOUNT), 'SignatureDoesNotMatch'));
    server.on('DescribeImages', strict(images, 'AuthFailure'));
    await clients.ec2(TARGET, ROLE).send(new DescribeImagesCommand({ Owners: ['self'] }));
    expect(sent('AssumeRole')).toHaveLength(2);
  });

  it('is no reason to repeat a write that may have been done', async () => {
    server.on('CreateTags', failure(500, 'InternalError', 'Oh.', date()));
    expect(await errorOf(clients.ec2(TARGET, OWN).send(tagging()))).toMatchObject({
      class: 'transient',
      certain: false,
    });
    expect(sent('CreateTags')).toHaveLength(1);
  });

  it('is no reason to repeat what was refused for another reason, however far off the clock is', async () => {
    server.on('CreateTags', failure(400, 'InvalidAMIID.NotFound', 'No.', date()));
    await errorOf(clients.ec2(TARGET, OWN).send(tagging()));
    expect(sent('CreateTags')).toHaveLength(1);
  });
});
