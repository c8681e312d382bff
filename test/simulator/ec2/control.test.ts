import {
  CopyImageCommand,
  DescribeImagesCommand,
  DescribeRegionsCommand,
  ModifyImageAttributeCommand,
} from '@aws-sdk/client-ec2';
import { AssumeRoleCommand } from '@aws-sdk/client-sts';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { describe, expect, it } from 'vitest';
import { DESIGN_SEED } from './design-seed.ts';
import { IMAGE, OTHER, OWNER, refusal, useSimulated, WORLD } from './simulated.ts';

const sim = useSimulated();
const copy = async (account = OWNER, region = 'eu-west-1'): Promise<string> => {
  const { ImageId = '' } = await sim
    .ec2(account, region)
    .send(new CopyImageCommand({ SourceImageId: IMAGE, SourceRegion: 'us-east-1', Name: 'copy' }));
  return ImageId;
};
const list = async (client = sim.ec2()): Promise<string[]> =>
  ((await client.send(new DescribeImagesCommand({ Owners: ['self'] }))).Images ?? []).map(({ Name = '' }) => Name);
const fault = (...faults: object[]): ReturnType<typeof sim.control> => sim.control('POST', 'faults', faults);

describe('the world', () => {
  it('of the design is taken as it is written', async () => {
    expect(await sim.control('POST', 'seed', DESIGN_SEED)).toEqual({ status: 200, document: {} });
    const world = sim.world();
    const [one, two] = world.images;
    expect(one).toMatchObject({
      id: 'ami-0123456789abcdef0',
      createdAt: sim.now() - 86_400_000,
      permissions: { accounts: ['444455556666'] },
      lastLaunchedAt: sim.now() - 3 * 86_400_000,
      volumes: [{ encrypted: true, kmsKeyId: world.keys[0]?.arn }],
    });
    expect(two).toMatchObject({ name: 'web-base-1', volumes: [{ sizeGiB: 8 }, { sizeGiB: 20 }] });
    expect(world.instances).toMatchObject([{ imageId: two?.id }]);
    expect(world.launchTemplates).toMatchObject([{ name: 'web', version: 1, imageId: two?.id }]);
    expect(world.keys).toMatchObject([{ alias: 'alias/ami', grantsTo: [OTHER] }]);
    const disabled = sim.ec2(OTHER, 'ap-east-1').send(new DescribeRegionsCommand({}));
    expect(await refusal(disabled)).toMatchObject({ code: 'AuthFailure' });
    await sim.sts().send(
      new AssumeRoleCommand({
        RoleArn: `arn:aws:iam::${OTHER}:role/amifleet`,
        RoleSessionName: 'test',
        ExternalId: 'amifleet-prod',
      }),
    );
  });

  it('can be given as JSON, with account ids that are not in quotes, and with what is left out', async () => {
    const { document, status } = await sim.control('POST', 'seed', {
      accounts: { [OWNER]: { 'us-east-1': { images: [{ name: 'only' }] } }, [OTHER]: null },
    });
    expect({ document, status }).toEqual({ document: {}, status: 200 });
    expect(await list()).toEqual(['only']);
    expect((await sim.control('POST', 'seed', `accounts: {${OWNER}: {us-east-1: }}`)).status).toBe(200);
    expect(await list()).toEqual([]);
  });

  it('of other states: pending ones get ready, failed ones say why', async () => {
    const images = '[{name: making, state: pending}, {name: broken, state: failed}, {name: off, state: disabled}]';
    await sim.control(
      'POST',
      'seed',
      `{copySeconds: [5, 5], accounts: {"${OWNER}": {us-east-1: {images: ${images}}}}}`,
    );
    const states = (): string[] =>
      sim
        .world()
        .images.map(({ name, state }) => `${name} ${state}`)
        .sort();
    expect(states()).toEqual(['broken failed', 'making pending', 'off disabled']);
    sim.advance(5);
    expect(states()).toEqual(['broken failed', 'making available', 'off disabled']);
  });

  const images = (text: string): string => `{accounts: {"${OWNER}": {us-east-1: {images: [${text}]}}}}`;
  it.each([
    ['no YAML', '{accounts: [', /flow|end/i],
    ['nothing', '', /document/],
    ['no account', '{accounts: {}}', /accounts: it must name at least one/],
    ['a bad account id', '{accounts: {"12": {}}}', /12-digit account id/],
    ['an unknown field', `{accounts: {"${OWNER}": {}}, colour: red}`, /colour/],
    [
      'an unknown region',
      `{accounts: {"${OWNER}": {mars-1: {}}}}`,
      new RegExp(`accounts\\.${OWNER}\\.mars-1: is neither a region`),
    ],
    ['an unknown field of an image', images('{name: web, size: 3}'), /us-east-1\.images\.0: .*size/],
    ['an image without a name', images('{ageDays: 3}'), /us-east-1\.images\.0\.name/],
    ['a name that EC2 does not allow', images('{name: "a:b"}'), /images\.0\.name: must be a name that EC2 allows/],
    ['a bad id', images('{name: web, id: ami-1}'), /images\.0\.id: must be ami-/],
    ['an id given twice', images(`{name: web, id: ${IMAGE}}, {name: web, id: ${IMAGE}}`), /two images ami-/],
    ['a tag that is no text', images('{name: web, tags: {n: 1}}'), /images\.0\.tags\.n/],
    ['a key without encryption', images('{name: web, kmsKeyId: alias/ami}'), /kmsKeyId: needs encrypted: true/],
    [
      'a key that is not there',
      images('{name: web, encrypted: true, kmsKeyId: alias/ami}'),
      /there is no key alias\/ami here/,
    ],
    [
      'a share under the managed key',
      images(`{name: web, encrypted: true, launchPermissions: {accounts: ["${OTHER}"]}}`),
      /cannot be shared/,
    ],
    [
      'a share of a disabled one',
      images(`{name: web, state: disabled, launchPermissions: {accounts: ["${OTHER}"]}}`),
      /disabled has none/,
    ],
    [
      'an instance of nothing',
      `{accounts: {"${OWNER}": {us-east-1: {instances: [{image: web}]}}}}`,
      /there is no image web in us-east-1/,
    ],
    [
      'a template of nothing',
      `{accounts: {"${OWNER}": {us-east-1: {launchTemplates: [{name: web, image: web}]}}}}`,
      /there is no image web/,
    ],
    [
      'a default key that is not there',
      `{accounts: {"${OWNER}": {us-east-1: {defaultEncryption: {enabled: true, kmsKeyId: alias/x}}}}}`,
      /defaultEncryption\.kmsKeyId: there is no key/,
    ],
    [
      'a disabled region with something in it',
      `{accounts: {"${OWNER}": {ap-east-1: {}, disabledRegions: [ap-east-1]}}}`,
      /disabledRegions/,
    ],
    [
      'a range from high to low',
      `{copySeconds: [9, 1], accounts: {"${OWNER}": {}}}`,
      /copySeconds: must be \[least, most\]/,
    ],
    ['a role that is no ARN', `{accounts: {"${OWNER}": {}}, roles: [{arn: amifleet}]}`, /roles\.0\.arn/],
  ])('is not replaced by %s', async (_case, seed, message) => {
    await copy();
    const before = sim.world();
    expect(await sim.control('POST', 'seed', seed)).toEqual({
      status: 400,
      document: { error: expect.stringMatching(message) },
    });
    expect(sim.world()).toEqual(before);
  });

  it('is given whole, in an order that does not depend on how it came about', async () => {
    const make = async (accounts: readonly string[]): Promise<unknown> => {
      await sim.control('POST', 'seed', WORLD);
      for (const account of accounts) {
        const LaunchPermission = { Add: [{ UserId: account }] };
        await sim.ec2().send(new ModifyImageAttributeCommand({ ImageId: IMAGE, LaunchPermission }));
      }
      return (await sim.control('GET', 'world')).document;
    };
    const world = await make(['444455556666', OTHER]);
    expect(world).toEqual(await make([OTHER, '444455556666']));
    expect(world).toMatchObject({ images: [{ id: IMAGE, inRecycleBin: false }], snapshots: [{}, {}], copies: [] });
  });

  it('is not changed by looking', async () => {
    const before = sim.world();
    await list(sim.ec2('999988887777', 'sa-east-1'));
    expect(sim.world()).toEqual(before);
  });
});

describe('the same seed and the same calls', () => {
  it('give the same ids and delays, however much is read in between', async () => {
    const seed = WORLD.replace('copySeconds: [60, 60]', 'copySeconds: [20, 900]');
    const run = async (reads: number): Promise<unknown> => {
      await sim.control('POST', 'seed', seed);
      const ids: string[] = [];
      for (let n = 0; n < 3; n++) {
        ids.push(await copy());
        for (let read = 0; read < reads; read++) await list();
        ids.push(await copy(OWNER, 'eu-central-1'));
      }
      return { ids, world: sim.world() };
    };
    const first = await run(0);
    expect(await run(3)).toEqual(first);
    await sim.control('POST', 'seed', seed.replace('seed: 7', 'seed: 8'));
    expect((first as { ids: string[] }).ids).not.toContain(await copy());
  });
});

describe('the clock', () => {
  it('is put forward', async () => {
    const id = await copy();
    expect(await sim.control('POST', 'clock', { advanceSeconds: 60 })).toEqual({
      status: 200,
      document: { now: '2026-11-21T08:01:00.000Z' },
    });
    expect(sim.world().images.find((image) => image.id === id)?.state).toBe('available');
  });

  it.each([
    ['back', { advanceSeconds: -1 }],
    ['by a word', { advanceSeconds: 'ten' }],
    ['by nothing', {}],
    ['beyond all dates', { advanceSeconds: 1e15 }],
    ['by something else', { advanceSeconds: 1, hours: 2 }],
  ])('is not put %s', async (_case, body) => {
    expect(await sim.control('POST', 'clock', body)).toEqual({
      status: 400,
      document: { error: expect.stringContaining('advanceSeconds') },
    });
    expect(sim.world().now).toBe('2026-11-21T08:00:00.000Z');
  });
});

describe('calls', () => {
  it('are counted by action, account and region, refused ones too, until they are reset', async () => {
    await list();
    await list();
    await refusal(sim.ec2().send(new DescribeImagesCommand({ ImageIds: ['x'] })));
    await refusal(sim.ec2(OTHER, 'eu-west-1').send(new DescribeImagesCommand({ ImageIds: ['x'] })));
    await fault({ action: 'DescribeRegions', kind: 'throttle' });
    await refusal(sim.ec2().send(new DescribeRegionsCommand({})));
    await refusal(
      sim.sts().send(new AssumeRoleCommand({ RoleArn: `arn:aws:iam::${OTHER}:role/none`, RoleSessionName: 'test' })),
    );
    expect((await sim.control('GET', 'calls')).document).toEqual([
      { action: 'AssumeRole', account: OWNER, region: 'us-east-1', count: 1, throttled: 0, failed: 1 },
      { action: 'DescribeImages', account: OWNER, region: 'us-east-1', count: 3, throttled: 0, failed: 1 },
      { action: 'DescribeImages', account: OTHER, region: 'eu-west-1', count: 1, throttled: 0, failed: 1 },
      { action: 'DescribeRegions', account: OWNER, region: 'us-east-1', count: 1, throttled: 1, failed: 0 },
    ]);
    await sim.control('DELETE', 'calls');
    expect((await sim.control('GET', 'calls')).document).toEqual([]);
  });
});

describe('faults', () => {
  const copies = (): number => sim.world().images.filter(({ region }) => region === 'eu-west-1').length;
  it.each([
    ['throttle', { code: 'RequestLimitExceeded', status: 503 }, 0],
    ['http-500', { code: 'InternalError', status: 500 }, 0],
    ['error-AuthFailure', { code: 'AuthFailure', status: 401 }, 0],
    ['error-UnauthorizedOperation', { code: 'UnauthorizedOperation', status: 403 }, 0],
    ['error-InvalidRequest', { code: 'InvalidRequest', status: 400 }, 0],
    ['error-Unavailable', { code: 'Unavailable', status: 503 }, 0],
    ['reset-before', { message: expect.stringMatching(/ECONNRESET|socket hang up/) }, 0],
    ['reset-after', { message: expect.stringMatching(/ECONNRESET|socket hang up/) }, 1],
    ['partial', { message: expect.stringMatching(/aborted|ECONNRESET|terminated|premature/i) }, 1],
  ])('%s hits one call, and leaves what it says behind', async (kind, expected, made) => {
    expect(await fault({ action: 'CopyImage', kind })).toEqual({ status: 200, document: {} });
    expect(await refusal(copy())).toMatchObject(expected);
    expect(copies()).toBe(made);
    await copy();
    expect(copies()).toBe(made + 1);
  });

  it.each([
    ['timeout-before', 0],
    ['timeout-after', 1],
  ])('%s never answers', async (kind, made) => {
    await fault({ action: 'CopyImage', kind });
    const client = sim.ec2(OWNER, 'eu-west-1');
    client.config.requestHandler = new NodeHttpHandler({ requestTimeout: 150, throwOnRequestTimeout: true });
    const call = client.send(new CopyImageCommand({ SourceImageId: IMAGE, SourceRegion: 'us-east-1', Name: 'copy' }));
    expect(await refusal(call)).toMatchObject({ code: 'TimeoutError' });
    expect(copies()).toBe(made);
  });

  it('stale answers as a minute ago', async () => {
    const id = await copy();
    sim.advance(30);
    await fault({ action: 'DescribeImages', region: 'eu-west-1', kind: 'stale', times: 2 });
    const europe = sim.ec2(OWNER, 'eu-west-1');
    expect(await list(europe)).toEqual([]);
    expect(await refusal(europe.send(new DescribeImagesCommand({ ImageIds: [id] })))).toMatchObject({
      code: 'InvalidAMIID.NotFound',
    });
    expect(await list(europe)).toEqual(['copy']);
  });

  it('hit the calls that they name, from the nth on, as often as they say', async () => {
    await fault(
      { action: 'DescribeImages', account: OTHER, kind: 'http-500', times: 100 },
      { action: 'DescribeImages', region: 'us-east-1', nth: 2, times: 2, kind: 'error-Unavailable' },
    );
    const outcomes: string[] = [];
    for (let n = 0; n < 5; n++)
      outcomes.push(
        await list().then(
          () => 'ok',
          (error: Error) => error.name,
        ),
      );
    expect(outcomes).toEqual(['ok', 'Unavailable', 'Unavailable', 'ok', 'ok']);
    expect(await list(sim.ec2(OWNER, 'eu-west-1'))).toEqual([]);
    expect(await refusal(list(sim.ec2(OTHER, 'eu-west-1')))).toMatchObject({ code: 'InternalError' });
    await sim.control('DELETE', 'faults');
    expect(await list(sim.ec2(OTHER, 'eu-west-1'))).toEqual([]);
  });

  it('hit STS too', async () => {
    await fault({ action: 'AssumeRole', kind: 'error-AccessDenied' });
    const call = sim
      .sts()
      .send(new AssumeRoleCommand({ RoleArn: `arn:aws:iam::${OTHER}:role/x`, RoleSessionName: 'test' }));
    expect(await refusal(call)).toEqual({ code: 'AccessDenied', status: 403, message: 'Simulated AccessDenied' });
  });

  it.each([
    ['no list', { action: 'CopyImage', kind: 'throttle' }, /array/],
    ['an unknown kind', [{ action: 'CopyImage', kind: 'explode' }], /0\.kind: must be one of throttle, /],
    ['no action', [{ kind: 'throttle' }], /0\.action/],
    ['a field that is not there', [{ action: 'CopyImage', kind: 'throttle', when: 3 }], /when/],
    ['the zeroth call', [{ action: 'CopyImage', kind: 'throttle', nth: 0 }], /0\.nth/],
  ])('are not replaced by %s', async (_case, body, message) => {
    await fault({ action: 'DescribeImages', kind: 'http-500' });
    expect(await sim.control('POST', 'faults', body)).toEqual({
      status: 400,
      document: { error: expect.stringMatching(message) },
    });
    expect(await refusal(list())).toMatchObject({ code: 'InternalError' });
  });
});

describe('a control call that is not there', () => {
  it.each([
    ['POST', 'nothing', 404],
    ['PUT', 'seed', 405],
    ['GET', 'clock', 405],
  ])('%s %s is refused with what there is', async (method, path, status) => {
    expect(await sim.control(method, path)).toEqual({
      status,
      document: { error: expect.stringContaining('POST /_sim/seed') },
    });
  });
});
