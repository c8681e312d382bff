import {
  CreateTagsCommand,
  DeregisterImageCommand,
  EnableImageDeregistrationProtectionCommand,
  RegisterImageCommand,
} from '@aws-sdk/client-ec2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AwsError } from '../../src/aws/aws-error.ts';
import { CalledOff } from '../../src/aws/called-off.ts';
import { performCall } from '../../src/aws/calls.ts';
import type { OpenTarget } from '../../src/aws/inventories.ts';
import { NO_GRANTS } from '../../src/policy/model.ts';
import type { Destruction } from '../../src/policy/plan.ts';
import { TAG } from '../../src/policy/tags.ts';
import { action, copyOf } from './actions.ts';
import { ACCOUNT, AWAY, HOME, OTHER_ACCOUNT, type SimulatedAws, SOURCE, simulatedAws } from './simulated-aws.ts';

const MINUTE = 60_000;
const STOP = { signal: new AbortController().signal };

let aws: SimulatedAws;
let away: OpenTarget;
let home: OpenTarget;

const begin = async (seed: object = {}): Promise<void> => {
  await aws?.[Symbol.asyncDispose]();
  aws = await simulatedAws(seed);
  away = aws.open(AWAY);
  home = aws.open(HOME, 'own');
};
beforeEach(() => begin());
afterEach(() => aws[Symbol.asyncDispose]());

const images = (region = AWAY.region) =>
  aws.simulator.world().images.filter((image) => image.region === region && image.state !== 'deregistered');
const snapshots = (region = AWAY.region) => aws.simulator.world().snapshots.filter((each) => each.region === region);
const look = (open = away): Promise<void> => open.inventory.observe(aws.clock.monotonic(), {});
const thrownBy = async (call: Promise<unknown>): Promise<unknown> => {
  try {
    await call;
  } catch (thrown) {
    return thrown;
  }
  throw new Error('nothing was thrown');
};
/** A copy that is ready, listed, and a minute old. */
const readyCopy = async (): Promise<string> => {
  await performCall(copyOf(), away, STOP);
  aws.clock.advance(MINUTE);
  await look();
  const [copy] = images();
  if (!copy) throw new Error('there is no copy');
  return copy.id;
};

describe('a copy', () => {
  it('carries its tags on image and snapshots from the first moment, and never says that it is not encrypted', async () => {
    const asked: Readonly<Record<string, string>>[] = [];
    aws.simulator.onCall(({ action: name, parameters }) => {
      if (name === 'CopyImage') asked.push(parameters);
    });
    await performCall(copyOf(), away, STOP);
    expect(images()).toMatchObject([{ name: 'web-1', state: 'pending', tags: copyOf().call.tags }]);
    expect(snapshots()).toMatchObject([{ tags: copyOf().call.tags }]);
    expect(asked).toHaveLength(1);
    expect(asked[0]).not.toHaveProperty('Encrypted');
    expect(asked[0]).not.toHaveProperty('CopyImageTags');
  });

  it.each(['reset-after', 'timeout-after', 'reset-before', 'timeout-before', 'http-500', 'throttle'])(
    'is made once although the answer was lost (%s)',
    async (kind) => {
      aws.faults({ action: 'CopyImage', kind });
      await performCall(copyOf(), away, STOP);
      expect(images()).toHaveLength(1);
      expect(away.inventory.view().images.size).toBe(1);
    },
  );

  it('is made once although no answer ever arrived, and the next pass asks again', async () => {
    aws.faults({ action: 'CopyImage', kind: 'reset-after', times: 4 });
    expect(await thrownBy(performCall(copyOf(), away, STOP))).toMatchObject({ class: 'transient', certain: false });
    aws.faults();
    await performCall(copyOf(), aws.open(AWAY), STOP);
    expect(images()).toHaveLength(1);
  });

  it('from another account waits until the permission for it is effective', async () => {
    await begin({ consistencySeconds: [4, 4] });
    const { snapshotId = '' } = aws.simulator.world().images[0]?.volumes[0] ?? {};
    const add = { ...NO_GRANTS, accounts: [OTHER_ACCOUNT] };
    await performCall(action({ do: 'modifyLaunch', imageId: SOURCE, add, remove: NO_GRANTS }), home, STOP);
    await performCall(action({ do: 'modifyVolume', snapshotId, add: [OTHER_ACCOUNT], remove: [] }), home, STOP);
    const target = { account: OTHER_ACCOUNT, region: AWAY.region };
    await performCall(copyOf(SOURCE, target), aws.open(target), STOP);
    expect(images()).toMatchObject([{ account: OTHER_ACCOUNT, state: 'pending' }]);
  });

  it('from another account without a permission is not waited for without end', async () => {
    const target = { account: OTHER_ACCOUNT, region: AWAY.region };
    expect(await thrownBy(performCall(copyOf(SOURCE, target), aws.open(target), STOP))).toMatchObject({
      code: 'InvalidAMIID.NotFound',
    });
    expect(images()).toEqual([]);
  });

  it('that EC2 knows with other parameters was sent before: it is waited for', async () => {
    await performCall(copyOf(), away, STOP);
    const edited = copyOf();
    const again = { ...edited, call: { ...edited.call, tags: { ...edited.call.tags, team: 'new' } } };
    expect(await thrownBy(performCall(again, away, STOP))).toMatchObject({
      code: 'CopyAlreadySent',
      effect: 'retries',
    });
    expect(images()).toHaveLength(1);
  });

  it('that is refused says why, in the words of AWS, and where', async () => {
    const other = aws.open({ account: OTHER_ACCOUNT, region: 'eu-west-1' });
    const error = await thrownBy(performCall(copyOf(), other, STOP));
    expect(error).toBeInstanceOf(AwsError);
    expect((error as AwsError).message).toContain(`CopyImage in ${OTHER_ACCOUNT}/eu-west-1 failed`);
  });
});

describe('tags and permissions', () => {
  it('are written and taken off', async () => {
    const id = await readyCopy();
    await performCall(action({ do: 'tag', resources: [id], tags: { a: '1', b: '2' } }), away, STOP);
    await performCall(action({ do: 'untag', resources: [id], keys: ['a'] }), away, STOP);
    expect(images()[0]?.tags).toMatchObject({ b: '2' });
    expect(images()[0]?.tags).not.toHaveProperty('a');
  });

  it('are given and taken in one call for an image, and never to everyone', async () => {
    const add = { ...NO_GRANTS, accounts: [OTHER_ACCOUNT], public: true };
    const call = { do: 'modifyLaunch', imageId: SOURCE, add, remove: NO_GRANTS } as const;
    await performCall(action(call, { target: HOME }), home, STOP);
    expect(images(HOME.region)[0]?.permissions).toMatchObject({ accounts: [OTHER_ACCOUNT], public: false });
    await performCall(action({ ...call, add: NO_GRANTS, remove: add }, { target: HOME }), home, STOP);
    expect(images(HOME.region)[0]?.permissions.accounts).toEqual([]);
  });

  it('of a snapshot are added and removed', async () => {
    const snapshotId = images(HOME.region)[0]?.volumes[0]?.snapshotId ?? '';
    const change = (add: readonly string[], remove: readonly string[]) =>
      performCall(action({ do: 'modifyVolume', snapshotId, add, remove }, { target: HOME }), home, STOP);
    await change(['444455556666', OTHER_ACCOUNT], []);
    await change(['555566667777'], [OTHER_ACCOUNT]);
    expect(snapshots(HOME.region)[0]?.permissions.toSorted()).toEqual(['444455556666', '555566667777']);
  });
});

describe('a claim', () => {
  const claim = (value: string, instead?: string) =>
    performCall(
      action({ do: 'claim', imageId: SOURCE, value, ...(instead !== undefined && { instead }) }, { target: HOME }),
      home,
      STOP,
    );
  const claimant = (): string | undefined => images(HOME.region)[0]?.tags[TAG.claimedBy];

  it('is written, and read back until EC2 shows it', async () => {
    await begin({ consistencySeconds: [10, 10] });
    await claim('a/b c d');
    expect(claimant()).toBe('a/b c d');
    expect(home.inventory.view().images.get(SOURCE)?.tags[TAG.claimedBy]).toBeUndefined();
    await look(home);
    expect(home.inventory.view().images.get(SOURCE)?.tags[TAG.claimedBy]).toBe('a/b c d');
  });

  it('of somebody else stays, and the one that is to be succeeded goes', async () => {
    await claim('a/b c d');
    expect(await thrownBy(claim('x/y c e'))).toMatchObject({ code: 'SourceClaimed' });
    expect(claimant()).toBe('a/b c d');
    await claim('a/b c new', 'a/b c d');
    expect(claimant()).toBe('a/b c new');
  });

  it('that is not shown for long is left to the next pass', async () => {
    await begin({ consistencySeconds: [600, 600] });
    expect(await thrownBy(claim('a/b c d'))).toMatchObject({ code: 'ClaimNotVisible', effect: 'retries' });
  });

  it('on a source that is gone is called off', async () => {
    await home.ec2.send(new DeregisterImageCommand({ ImageId: SOURCE }));
    aws.clock.advance(MINUTE);
    expect(await thrownBy(claim('a/b c d'))).toMatchObject({ code: 'SourceGone' });
  });
});

describe('a deregistration', () => {
  const deregister = (imageId: string, state: Destruction['state'] = 'available') =>
    performCall(action({ do: 'deregister', imageId }, { destroys: { imageId, state } }), away, STOP);

  it('takes the image away and leaves its snapshots', async () => {
    const id = await readyCopy();
    await deregister(id);
    expect(images()).toEqual([]);
    expect(snapshots()).toHaveLength(1);
    expect(away.inventory.view().images.has(id)).toBe(false);
  });

  const since: [string, (id: string) => Promise<unknown> | void][] = [
    ['its owner tag was changed', (id) => retag(id, TAG.policyUid, 'other')],
    ['its source tag was changed', (id) => retag(id, TAG.sourceImage, 'ami-0')],
    ['somebody put a hold on it', (id) => retag(id, TAG.hold, 'audit')],
    ['it was launched', (id) => aws.simulator.launched(id, AWAY.region)],
    ['it was protected', (id) => away.ec2.send(new EnableImageDeregistrationProtectionCommand({ ImageId: id }))],
  ];
  const retag = (id: string, Key: string, Value: string): Promise<unknown> =>
    away.ec2.send(new CreateTagsCommand({ Resources: [id], Tags: [{ Key, Value }] }));

  it.each(since)('is called off when since the plan %s', async (_, happen) => {
    const id = await readyCopy();
    await happen(id);
    const thrown = await thrownBy(deregister(id));
    expect(thrown).toBeInstanceOf(CalledOff);
    expect(thrown).toMatchObject({ code: 'ImageChanged', effect: 'retries' });
    expect(images()).toHaveLength(1);
  });

  it('is called off when the image is in another state than planned for', async () => {
    await performCall(copyOf(), away, STOP);
    await look();
    const [copy] = images();
    aws.clock.advance(MINUTE);
    expect(await thrownBy(deregister(copy?.id ?? '', 'pending'))).toMatchObject({ code: 'ImageChanged' });
    expect(images()).toHaveLength(1);
  });

  it('is called off when the image was in no listing, or is not shown', async () => {
    await performCall(copyOf(), away, STOP);
    const unlisted = aws.inventories.open(AWAY, { account: ACCOUNT, externalId: 'x' }, 'copies');
    aws.clock.advance(MINUTE);
    const imageId = images()[0]?.id ?? '';
    const destroys = { imageId, state: 'available' } as const;
    expect(
      await thrownBy(performCall(action({ do: 'deregister', imageId }, { destroys }), unlisted, STOP)),
    ).toMatchObject({ code: 'ImageChanged' });
    expect(await thrownBy(deregister('ami-00000000000000099'))).toMatchObject({ code: 'NotVisible' });
    expect(images()).toHaveLength(1);
  });

  it('is not begun when the image cannot be read once more', async () => {
    const id = await readyCopy();
    aws.faults({ action: 'DescribeImages', kind: 'error-UnauthorizedOperation', times: 9 });
    expect(await thrownBy(deregister(id))).toMatchObject({ class: 'access' });
    expect(images()).toHaveLength(1);
  });

  it.each(['InvalidAMIID.Unavailable', 'InvalidAMIID.NotFound'])(
    'has happened when EC2 says that somebody was faster (%s)',
    async (code) => {
      const id = await readyCopy();
      aws.faults({ action: 'DeregisterImage', kind: `error-${code}`, times: 9 });
      await deregister(id);
      expect(away.inventory.view().images.has(id)).toBe(false);
    },
  );

  it('that was refused is reported, and the image is still there', async () => {
    const id = await readyCopy();
    aws.faults({ action: 'DeregisterImage', kind: 'error-OperationNotPermitted', times: 9 });
    expect(await thrownBy(deregister(id))).toMatchObject({ class: 'refused' });
    expect(away.inventory.view().images.has(id)).toBe(true);
  });

  it('whose answer was lost is not sent again before another look', async () => {
    const id = await readyCopy();
    aws.faults({ action: 'DeregisterImage', kind: 'reset-after' });
    expect(await thrownBy(deregister(id))).toMatchObject({ class: 'transient', certain: false });
    expect(aws.count('DeregisterImage')).toBe(1);
    aws.clock.advance(MINUTE);
    await look();
    expect(away.inventory.view().images.has(id)).toBe(false);
  });
});

describe('the deletion of a snapshot', () => {
  const remove = (snapshotId: string, of: string) =>
    performCall(
      action({ do: 'deleteSnapshot', snapshotId, of }, { destroys: { imageId: of, state: 'gone' } }),
      away,
      STOP,
    );
  /** A snapshot whose image is gone, listed. */
  const orphan = async (): Promise<{ readonly snapshotId: string; readonly of: string }> => {
    const of = await readyCopy();
    const snapshotId = images()[0]?.volumes[0]?.snapshotId ?? '';
    await away.ec2.send(new DeregisterImageCommand({ ImageId: of }));
    aws.clock.advance(10 * MINUTE);
    await look();
    return { snapshotId, of };
  };
  const register = (snapshotId: string): Promise<unknown> =>
    away.ec2.send(
      new RegisterImageCommand({
        Name: 'by-hand',
        RootDeviceName: '/dev/xvda',
        BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { SnapshotId: snapshotId } }],
      }),
    );

  it('takes it away when no image uses it', async () => {
    const { snapshotId, of } = await orphan();
    await remove(snapshotId, of);
    expect(snapshots()).toEqual([]);
    expect(away.inventory.view().snapshots.has(snapshotId)).toBe(false);
  });

  it('is called off while another image uses it, which keeps it', async () => {
    const { snapshotId, of } = await orphan();
    await register(snapshotId);
    aws.clock.advance(MINUTE);
    expect(await thrownBy(remove(snapshotId, of))).toMatchObject({ code: 'SnapshotInUse', effect: 'keeps' });
    expect(snapshots()).toHaveLength(1);
  });

  it('is called off while its own image is there, and comes back to it', async () => {
    const of = await readyCopy();
    const snapshotId = images()[0]?.volumes[0]?.snapshotId ?? '';
    expect(await thrownBy(remove(snapshotId, of))).toMatchObject({ code: 'SnapshotInUse', effect: 'retries' });
    expect(snapshots()).toHaveLength(1);
  });

  it('that EC2 refuses is for good where it names another image, and for now where it does not', async () => {
    await begin({ consistencySeconds: [600, 600] });
    await performCall(copyOf(), away, STOP);
    aws.clock.advance(20 * MINUTE);
    const [copy] = images();
    const snapshotId = copy?.volumes[0]?.snapshotId ?? '';
    await away.ec2.send(new DeregisterImageCommand({ ImageId: copy?.id }));
    aws.clock.advance(20 * MINUTE);
    await look();
    await register(snapshotId);
    expect(await thrownBy(remove(snapshotId, copy?.id ?? ''))).toMatchObject({
      code: 'SnapshotInUse',
      effect: 'keeps',
      message: expect.stringContaining(images()[0]?.id ?? 'no image'),
    });
    aws.faults({ action: 'DeleteSnapshot', kind: 'error-InvalidSnapshot.InUse', times: 9 });
    expect(await thrownBy(remove(snapshotId, copy?.id ?? ''))).toMatchObject({ effect: 'retries' });
    expect(snapshots()).toHaveLength(1);
  });

  it.each([TAG.hold, TAG.kept, TAG.policyUid, TAG.cluster])(
    'is called off when its tag %s was written since',
    async (Key) => {
      const { snapshotId, of } = await orphan();
      await away.ec2.send(new CreateTagsCommand({ Resources: [snapshotId], Tags: [{ Key, Value: 'changed' }] }));
      aws.clock.advance(MINUTE);
      expect(await thrownBy(remove(snapshotId, of))).toMatchObject({ code: 'SnapshotChanged' });
      expect(snapshots()).toHaveLength(1);
    },
  );

  it('has happened when it is not there any more', async () => {
    const { snapshotId, of } = await orphan();
    await remove(snapshotId, of);
    aws.clock.advance(10 * MINUTE);
    await remove(snapshotId, of);
    expect(snapshots()).toEqual([]);
  });
});
