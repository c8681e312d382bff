import { CreateTagsCommand, DeleteTagsCommand, DeregisterImageCommand } from '@aws-sdk/client-ec2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AwsError } from '../../src/aws/aws-error.ts';
import { performCall } from '../../src/aws/calls.ts';
import { Interner } from '../../src/aws/interner.ts';
import type { OpenTarget } from '../../src/aws/inventories.ts';
import { SETTLES_WITHIN_MS } from '../../src/aws/overlay.ts';
import { TargetInventory } from '../../src/aws/target-inventory.ts';
import { nextAttempt } from '../../src/policy/token.ts';
import { action, copyOf, IDENTITY } from './actions.ts';
import { ACCOUNT, AWAY, HOME, type SimulatedAws, SOURCE, simulatedAws } from './simulated-aws.ts';

const MINUTE = 60_000;
const STOP = { signal: new AbortController().signal };
const KEY = `${ACCOUNT}/${AWAY.region} ${SOURCE}`;

let aws: SimulatedAws;
let away: OpenTarget;

const begin = async (seed: object = {}): Promise<void> => {
  await aws?.[Symbol.asyncDispose]();
  aws = await simulatedAws(seed);
  away = aws.open(AWAY);
};
beforeEach(() => begin());
afterEach(() => aws[Symbol.asyncDispose]());

const look = async (open: OpenTarget = away): Promise<ReturnType<OpenTarget['inventory']['view']>> => {
  await open.inventory.observe(aws.clock.monotonic(), {});
  return open.inventory.view();
};
const copies = (): string[] =>
  aws.simulator
    .world()
    .images.filter(({ region, state }) => region === AWAY.region && state !== 'deregistered')
    .map(({ id }) => id);
const copyOnce = async (open: OpenTarget = away): Promise<string> => {
  await performCall(copyOf(), open, STOP);
  const [id] = copies();
  if (id === undefined) throw new Error('there is no copy');
  return id;
};
const failureOf = async (call: Promise<unknown>): Promise<AwsError> => {
  const error: unknown = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof AwsError)) throw new Error(`not an AwsError: ${String(error)}`);
  return error;
};

describe('a listing', () => {
  it('is one for all who ask for a target at the same freshness', async () => {
    const asked = aws.clock.monotonic();
    await Promise.all(Array.from({ length: 10 }, () => aws.open(AWAY).inventory.observe(asked, {})));
    await aws.open(AWAY).inventory.observe(asked, {});
    expect(aws.count('DescribeImages')).toBe(1);
    expect(aws.count('DescribeSnapshots')).toBe(1);
  });

  it('is made again for whoever needs a newer one', async () => {
    await look();
    aws.clock.advance(1);
    await look();
    expect(aws.count('DescribeImages')).toBe(2);
  });

  it('of what carries our tags leaves the images of others out; that of a source has them', async () => {
    const home = aws.open(HOME);
    expect((await look(home)).images.size).toBe(0);
    aws.open(HOME, 'own');
    expect(home.inventory.listedAt).toBeUndefined();
    expect((await look(home)).images.get(SOURCE)).toMatchObject({ name: 'web-1', state: 'available' });
    aws.open(HOME, 'copies');
    expect(home.inventory.listedAt).toBeDefined();
  });

  it.each([
    ['a page that stops in the middle', { kind: 'partial', times: 9 }],
    ['a throttle', { kind: 'throttle', times: 9 }],
    ['no answer', { kind: 'timeout-before', times: 9 }],
    ['a broken connection', { kind: 'reset-before', times: 9 }],
    ['no access', { kind: 'error-UnauthorizedOperation', times: 9 }],
    ['a failure of AWS', { kind: 'http-500', times: 9 }],
    ['a page token that has expired', { kind: 'error-InvalidNextToken', times: 9 }],
  ])('that ends with %s is none: it fails, and nothing is taken for empty', async (_, fault) => {
    await copyOnce();
    await look();
    aws.clock.advance(MINUTE);
    for (const what of ['DescribeImages', 'DescribeSnapshots']) {
      aws.faults({ action: what, ...fault });
      await failureOf(look());
      aws.faults();
    }
    expect((await look()).images.size).toBe(1);
  });

  it('that was begun before another one does not take its place when it ends later', async () => {
    const home = aws.open(HOME, 'own');
    const now = aws.clock.monotonic();
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const slow = {
      target: HOME,
      send: (async (command, options) => {
        const answer = await home.ec2.send(command, options);
        if (aws.count('DescribeImages') === 1) await held;
        return answer;
      }) as OpenTarget['ec2']['send'],
    };
    const inventory = new TargetInventory(
      { ...home, ec2: slow },
      aws.clock,
      () => aws.clients.time.now(),
      'own',
      new Interner(),
    );
    const older = inventory.observe(now, {});
    while (aws.count('DescribeImages') < 1) await new Promise((resolve) => setImmediate(resolve));
    await home.ec2.send(new CreateTagsCommand({ Resources: [SOURCE], Tags: [{ Key: 'new', Value: 'yes' }] }));
    aws.clock.advance(MINUTE);
    await home.ec2.send(new CreateTagsCommand({ Resources: [SOURCE], Tags: [{ Key: 'newer', Value: 'yes' }] }));
    await inventory.observe(aws.clock.monotonic(), {});
    expect(inventory.view().images.get(SOURCE)?.tags['newer']).toBe('yes');
    release();
    await older;
    expect(inventory.view().images.get(SOURCE)?.tags['newer']).toBe('yes');
  });
});

describe('what was just written', () => {
  // EC2 shows nothing of it for a minute.
  beforeEach(() => begin({ consistencySeconds: [60, 60] }));

  it('is seen at once: a copy, its tags, and what was removed', async () => {
    const id = await copyOnce();
    expect((await look()).images.get(id)).toMatchObject({ state: 'pending', tags: IDENTITY });
    aws.clock.advance(2 * MINUTE);
    await performCall(action({ do: 'tag', resources: [id], tags: { team: 'a' } }), away, STOP);
    expect((await look()).images.get(id)?.tags['team']).toBe('a');
    aws.clock.advance(2 * MINUTE);
    await look();
    await performCall(action({ do: 'untag', resources: [id], keys: ['team'] }), away, STOP);
    expect((await look()).images.get(id)?.tags['team']).toBeUndefined();
    aws.clock.advance(2 * MINUTE);
    await look();
    await performCall(action({ do: 'deregister', imageId: id }), away, STOP);
    expect((await look()).images.has(id)).toBe(false);
    aws.clock.advance(10 * MINUTE);
    expect((await look()).images.has(id)).toBe(false);
  });

  it('are permissions too, laid over what was read before, and drift shows again', async () => {
    const home = aws.open(HOME, 'own');
    const need = { kind: 'launchGrants', target: HOME, imageId: SOURCE } as const;
    const grants = async (): Promise<unknown> => {
      await home.inventory.fetch(need, {});
      return home.inventory.view().launchGrants.get(SOURCE);
    };
    const nobody = { accounts: [], organizations: [], organizationalUnits: [], public: false };
    await look(home);
    expect(await grants()).toEqual({ ok: true, value: nobody });
    const change = { do: 'modifyLaunch', imageId: SOURCE, remove: nobody } as const;
    const given = { ...nobody, accounts: ['444455556666'] };
    await performCall(action({ ...change, add: given }, { target: HOME }), home, STOP);
    expect(home.inventory.view().launchGrants.get(SOURCE)).toEqual({ ok: true, value: given });
    expect(await grants()).toEqual({ ok: true, value: given });
    aws.clock.advance(2 * MINUTE);
    expect(await grants()).toEqual({ ok: true, value: given });
    const drift = aws.inventories.open(HOME, { account: ACCOUNT, externalId: 'another' }, 'own');
    await performCall(action({ ...change, add: nobody, remove: given }, { target: HOME }), drift, STOP);
    aws.clock.advance(2 * MINUTE);
    expect(await grants()).toEqual({ ok: true, value: nobody });
  });
});

describe('a copy that is lost', () => {
  const second = (id: string): unknown => nextAttempt(copyOf().call.attempt, id);

  it('is one that EC2 still does not show five minutes after it has returned the id', async () => {
    await begin({ consistencySeconds: [3600, 3600] });
    const id = await copyOnce();
    aws.clock.advance(SETTLES_WITHIN_MS);
    expect((await look()).images.has(id)).toBe(true);
    expect(away.inventory.lost.size).toBe(0);
    aws.clock.advance(1000);
    expect((await look()).images.has(id)).toBe(false);
    expect(away.inventory.lost.get(KEY)).toEqual(second(id));
  });

  it('is one whose id EC2 returns again although it was deregistered', async () => {
    const id = await copyOnce();
    aws.clock.advance(MINUTE);
    await look();
    await away.ec2.send(new DeregisterImageCommand({ ImageId: id }));
    aws.clock.advance(MINUTE);
    expect((await look()).images.size).toBe(0);
    await performCall(copyOf(), away, STOP);
    expect(away.inventory.view().images.has(id)).toBe(true);
    aws.clock.advance(1);
    expect((await look()).images.has(id)).toBe(false);
    expect(away.inventory.lost.get(KEY)).toEqual(second(id));
  });

  it('is one of which only its snapshot is left, after a restart too', async () => {
    const id = await copyOnce();
    aws.clock.advance(MINUTE);
    await look();
    await away.ec2.send(new DeregisterImageCommand({ ImageId: id }));
    aws.clock.advance(13 * MINUTE);
    await look();
    expect(away.inventory.lost.size).toBe(0);
    aws.clock.advance(2 * MINUTE);
    const restarted = aws.inventories.open(AWAY, { account: ACCOUNT, externalId: 'another' }, 'copies');
    await look(restarted);
    expect(restarted.inventory.lost.get(KEY)).toEqual(second(id));
  });

  it('is not one that somebody has only taken our tags off', async () => {
    const id = await copyOnce();
    aws.clock.advance(MINUTE);
    await look();
    await performCall(action({ do: 'untag', resources: [id], keys: Object.keys(IDENTITY) }), away, STOP);
    aws.clock.advance(20 * MINUTE);
    expect((await look()).images.has(id)).toBe(false);
    expect(away.inventory.lost.size).toBe(0);
  });

  it('is not one that never shows the tags of its request; it is known as that and nothing is concluded from it', async () => {
    const id = await copyOnce();
    // Seen before the first listing, as the rounds of a pass do.
    expect(away.inventory.view().images.get(id)?.tags).toMatchObject(IDENTITY);
    await away.ec2.send(
      new DeleteTagsCommand({ Resources: [id], Tags: Object.keys(IDENTITY).map((Key) => ({ Key })) }),
    );
    aws.clock.advance(4 * MINUTE);
    expect((await look()).images.get(id)?.tags).toMatchObject(IDENTITY);
    for (const hours of [1, 24, 24 * 30]) {
      aws.clock.advance(hours * 60 * MINUTE);
      expect((await look()).images.get(id)).toMatchObject({ tags: IDENTITY, state: 'transient', untagged: true });
    }
    expect(away.inventory.lost.size).toBe(0);
    await away.ec2.send(new DeregisterImageCommand({ ImageId: id }));
    aws.clock.advance(10 * MINUTE);
    expect((await look()).images.has(id)).toBe(false);
    expect(away.inventory.lost.get(KEY)).toEqual(second(id));
  });

  it('of many costs one request in all', async () => {
    const images = Array.from({ length: 30 }, (_, index) => ({
      id: `ami-${String(index).padStart(17, '0')}`,
      name: `web-${index}`,
    }));
    await begin({ accounts: { [ACCOUNT]: { 'us-east-1': { images } } } });
    for (const { id } of images) await performCall(copyOf(id), away, STOP);
    aws.clock.advance(MINUTE);
    for (const id of copies()) await away.ec2.send(new DeregisterImageCommand({ ImageId: id }));
    aws.clock.advance(20 * MINUTE);
    const restarted = aws.inventories.open(AWAY, { account: ACCOUNT, externalId: 'another' }, 'copies');
    const before = aws.count('DescribeImages');
    await look(restarted);
    expect(restarted.inventory.lost.size).toBe(30);
    expect(aws.count('DescribeImages') - before).toBeLessThanOrEqual(3);
  });
});

describe('what is asked image by image', () => {
  const launch = { kind: 'launchGrants', target: HOME, imageId: SOURCE } as const;
  const references = { kind: 'references', target: HOME, imageId: SOURCE } as const;

  it('is asked once by all who ask at a time', async () => {
    const { inventory } = aws.open(HOME, 'own');
    await Promise.all(Array.from({ length: 10 }, () => inventory.fetch(launch, {})));
    expect(aws.count('DescribeImageAttribute')).toBe(1);
  });

  it('is good until somebody wants it newer, and stays good for the others', async () => {
    const home = aws.open(HOME, 'own');
    await look(home);
    await home.inventory.fetch(launch, {});
    await home.inventory.fetch(references, {});
    const read = aws.clock.monotonic();
    aws.clock.advance(MINUTE);
    const now = aws.clock.monotonic();
    expect(home.inventory.view({ grants: now, evidence: now })).toMatchObject({
      launchGrants: new Map(),
      references: new Map(),
    });
    const older = home.inventory.view({ grants: read, evidence: now });
    expect(older.launchGrants.size).toBe(1);
    expect(older.references.size).toBe(0);
    expect(home.inventory.view({ grants: read, evidence: read }).references.size).toBe(1);
  });

  it('and was refused is an answer in that pass, and asked for again in the next', async () => {
    const { inventory } = aws.open(HOME, 'own');
    const began = aws.clock.monotonic();
    aws.faults({ action: 'DescribeImageAttribute', kind: 'error-UnauthorizedOperation', times: 9 });
    await inventory.fetch(launch, {});
    expect(inventory.view({ grants: 0, evidence: began }).launchGrants.get(SOURCE)).toMatchObject({
      ok: false,
      why: expect.stringContaining('UnauthorizedOperation'),
    });
    aws.clock.advance(1000);
    expect(inventory.view({ grants: 0, evidence: aws.clock.monotonic() }).launchGrants.size).toBe(0);
  });

  it('is unknown, and no more than that, where an emulator lacks the operation', async () => {
    const { inventory } = aws.open(HOME, 'own');
    for (const code of ['UnsupportedOperation', 'InvalidAction']) {
      aws.faults({ action: 'DescribeImageReferences', kind: `error-${code}`, times: 9 });
      await inventory.fetch(references, {});
      expect(inventory.view().references.get(SOURCE)).toMatchObject({ ok: false });
    }
  });

  it('are the accounts that may read a snapshot, and the Recycle Bin, too', async () => {
    const binned = { recycleBin: { retentionDays: 7 }, images: [{ id: SOURCE, name: 'web-1' }] };
    await begin({ accounts: { [ACCOUNT]: { 'us-east-1': binned } } });
    const home = aws.open(HOME, 'own');
    const snapshotId = (await look(home)).images.get(SOURCE)?.volumes[0]?.snapshotId ?? '';
    await performCall(
      action({ do: 'modifyVolume', snapshotId, add: ['222233334444'], remove: [] }, { target: HOME }),
      home,
      STOP,
    );
    await home.inventory.fetch({ kind: 'volumeGrants', target: HOME, snapshotId }, {});
    expect(home.inventory.view().volumeGrants.get(snapshotId)).toEqual({ ok: true, value: ['222233334444'] });
    await home.inventory.fetch({ kind: 'bin', target: HOME }, {});
    expect(home.inventory.view().bin).toEqual({ ok: true, value: new Map() });
    await home.ec2.send(new DeregisterImageCommand({ ImageId: SOURCE }));
    await home.inventory.fetch({ kind: 'bin', target: HOME }, {});
    const exitsAt = aws.clock.now() + 7 * 86_400_000;
    expect(home.inventory.view().bin).toEqual({ ok: true, value: new Map([[SOURCE, { exitsAt }]]) });
  });

  it('is forgotten with its image', async () => {
    const home = aws.open(HOME, 'own');
    await home.inventory.fetch(launch, {});
    await home.ec2.send(new DeregisterImageCommand({ ImageId: SOURCE }));
    aws.clock.advance(10 * MINUTE);
    await look(home);
    expect(home.inventory.view().launchGrants.size).toBe(0);
  });

  it('and is broken off with the process is no answer', async () => {
    const { inventory } = aws.open(HOME, 'own');
    const signal = AbortSignal.abort(new Error('stopped'));
    await expect(inventory.fetch(launch, { signal })).rejects.toThrow('stopped');
    expect(inventory.view().launchGrants.size).toBe(0);
  });
});

it('never asks EC2 for everything that there is: by owner, by id, or not at all', async () => {
  const seen: { readonly action: string; readonly parameters: Readonly<Record<string, string>> }[] = [];
  aws.simulator.onCall((call) => seen.push(call));
  await copyOnce();
  await look();
  aws.clock.advance(MINUTE);
  await look();
  const lists = seen.filter(({ action: name }) => /^Describe(Images|Snapshots)$/.test(name));
  const isNarrow = (parameters: Readonly<Record<string, string>>): boolean =>
    parameters['Owner.1'] === 'self' || parameters['ImageId.1'] !== undefined;
  expect(lists.length).toBeGreaterThan(3);
  expect(lists.filter(({ parameters }) => !isNarrow(parameters))).toEqual([]);
});
