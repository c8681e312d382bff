import {
  CreateTagsCommand,
  DeregisterImageCommand,
  LockSnapshotCommand,
  RegisterImageCommand,
} from '@aws-sdk/client-ec2';
import { afterEach, describe, expect, it } from 'vitest';
import { audited } from '../../src/aws/audit.ts';
import { AwsError } from '../../src/aws/aws-error.ts';
import { performCall } from '../../src/aws/calls.ts';
import type { OpenTarget } from '../../src/aws/inventories.ts';
import { TAG } from '../../src/policy/tags.ts';
import { action, copyOf } from './actions.ts';
import { ACCOUNT, AWAY, type SimulatedAws, SOURCE, simulatedAws } from './simulated-aws.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const STOP = new AbortController().signal;

let aws: SimulatedAws;
let away: OpenTarget;
afterEach(() => aws[Symbol.asyncDispose]());

const SOURCES = { 'us-east-1': { images: [{ id: SOURCE, name: 'web-1', volumesGiB: [8, 20] }] } };
const images = () =>
  aws.simulator.world().images.filter(({ region, state }) => region === AWAY.region && state !== 'deregistered');
const snapshots = () => aws.simulator.world().snapshots.filter(({ region }) => region === AWAY.region);
const codesOf = async (call: Promise<unknown>): Promise<{ code: string; effect?: string; message: string }> => {
  try {
    await call;
  } catch (error) {
    return error as AwsError;
  }
  throw new Error('nothing was thrown');
};

/** A copy with two snapshots that is ready, listed, and a minute old. */
async function ready(there: object = {}, seed: object = {}): Promise<{ id: string; snapshotIds: string[] }> {
  aws = await simulatedAws({ accounts: { [ACCOUNT]: { ...SOURCES, [AWAY.region]: there } }, ...seed });
  away = aws.open(AWAY);
  await performCall(copyOf(), away, { signal: STOP });
  aws.clock.advance(MINUTE);
  await away.inventory.observe(aws.clock.monotonic(), {});
  const [copy] = images();
  return { id: copy?.id ?? '', snapshotIds: copy?.volumes.map(({ snapshotId }) => snapshotId) ?? [] };
}

const deregister = (imageId: string, withSnapshots: readonly string[]): Promise<string | undefined> =>
  performCall(
    action({ do: 'deregister', imageId, withSnapshots }, { destroys: { imageId, state: 'available' } }),
    away,
    { signal: STOP },
  );
const remove = (snapshotId: string, of: string): Promise<string | undefined> =>
  performCall(action({ do: 'deleteSnapshot', snapshotId, of }, { destroys: { imageId: of, state: 'gone' } }), away, {
    signal: STOP,
  });
const register = (snapshotId: string): Promise<unknown> =>
  away.ec2.send(
    new RegisterImageCommand({
      Name: 'by-hand',
      RootDeviceName: '/dev/xvda',
      BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { SnapshotId: snapshotId } }],
    }),
  );
const lock = (SnapshotId: string): Promise<unknown> =>
  away.ec2.send(new LockSnapshotCommand({ SnapshotId, LockMode: 'governance', LockDuration: 30 }));
/** Whether the calls of a test have asked EC2 for snapshots to go along. */
function askedToDelete(): () => boolean {
  let asked = false;
  aws.simulator.onCall(({ action: name, parameters }) => {
    if (name === 'DeregisterImage') asked = parameters['DeleteAssociatedSnapshots'] === 'true';
  });
  return () => asked;
}

describe('an image that goes with its snapshots', () => {
  it('takes one call, and nothing of it is left', async () => {
    const { id, snapshotIds } = await ready();
    expect(await deregister(id, snapshotIds)).toBeUndefined();
    expect([...images(), ...snapshots()]).toEqual([]);
    expect(aws.count('DeleteSnapshot')).toBe(0);
    expect(away.inventory.view().snapshots.size).toBe(0);
  });

  it('is told to the audit with them', async () => {
    const { id, snapshotIds } = await ready();
    const deregistration = action(
      { do: 'deregister', imageId: id, withSnapshots: snapshotIds },
      { destroys: { imageId: id, state: 'available' } },
    );
    const taken: (readonly string[])[] = [];
    const listened = audited(away, deregistration, ({ resources }) => {
      taken.push(resources);
      return () => undefined;
    });
    await performCall(deregistration, listened, { signal: STOP });
    expect(taken).toEqual([[id, ...snapshotIds]]);
  });

  it.each<[result: string, happen: (id: string) => Promise<unknown> | void]>([
    ['skipped', (id) => register(id)],
    ['client-error', (id) => lock(id)],
    ['internal-error', () => aws.faults({ action: 'DeregisterImage/DeleteSnapshot', kind: 'error-InternalError' })],
  ])('leaves, and still lists, what EC2 says %s of', async (result, happen) => {
    const { id, snapshotIds } = await ready();
    await happen(snapshotIds[0] ?? '');
    expect(await deregister(id, snapshotIds)).toBe(`not yet gone with it: ${snapshotIds[0]} (${result})`);
    expect(images().map((image) => image.id)).not.toContain(id);
    expect(snapshots().map((snapshot) => snapshot.id)).toEqual([snapshotIds[0]]);
    expect([...away.inventory.view().snapshots.keys()]).toEqual([snapshotIds[0]]);
  });

  it('leaves all of them where IAM lets images go and no snapshots', async () => {
    const { id, snapshotIds } = await ready({}, { denied: [{ account: ACCOUNT, action: 'ec2:DeleteSnapshot' }] });
    const left = snapshotIds.toSorted().map((each) => `${each} (missing-permissions)`);
    expect(await deregister(id, snapshotIds)).toBe(`not yet gone with it: ${left.join(', ')}`);
    expect(away.inventory.view().snapshots.size).toBe(2);
  });

  it('leaves, and still lists, what an endpoint says nothing of', async () => {
    const { id, snapshotIds } = await ready();
    // As moto: the parameter is passed over without a word, and there are no results.
    const asMoto: OpenTarget = {
      ...away,
      ec2: {
        target: AWAY,
        send: (command, options) => {
          if (command instanceof DeregisterImageCommand) delete command.input.DeleteAssociatedSnapshots;
          return away.ec2.send(command, options);
        },
      },
    };
    const call = action(
      { do: 'deregister', imageId: id, withSnapshots: snapshotIds },
      { destroys: { imageId: id, state: 'available' } },
    );
    expect(await performCall(call, asMoto, { signal: STOP })).toBeUndefined();
    expect(images()).toEqual([]);
    expect(snapshots()).toHaveLength(2);
    expect(away.inventory.view().snapshots.size).toBe(2);
  });

  it.each<[string, (snapshotId: string) => Promise<unknown>]>([
    ['kept', (id) => away.ec2.send(new CreateTagsCommand({ Resources: [id], Tags: [{ Key: TAG.kept, Value: 'x' }] }))],
    ['held', (id) => away.ec2.send(new CreateTagsCommand({ Resources: [id], Tags: [{ Key: TAG.hold, Value: 'x' }] }))],
    [
      'given to another policy',
      (id) => away.ec2.send(new CreateTagsCommand({ Resources: [id], Tags: [{ Key: TAG.policyUid, Value: 'x' }] })),
    ],
  ])('goes alone when one of them was %s since', async (_, happen) => {
    const { id, snapshotIds } = await ready();
    await happen(snapshotIds[1] ?? '');
    const asked = askedToDelete();
    await deregister(id, snapshotIds);
    expect(asked()).toBe(false);
    expect(snapshots()).toHaveLength(2);
  });

  it('goes alone when it has other snapshots than were planned for', async () => {
    const { id, snapshotIds } = await ready();
    const asked = askedToDelete();
    await deregister(id, snapshotIds.slice(0, 1));
    expect(asked()).toBe(false);
    expect(snapshots()).toHaveLength(2);
  });
});

describe('what was deleted', () => {
  const BIN = { recycleBin: { retentionDays: 7, snapshotRetentionDays: 3 } };
  const inDays = (days: number): string => new Date(aws.clock.now() + days * DAY).toISOString();

  it('can be restored while it is in the Recycle Bin, and how is said', async () => {
    const { id, snapshotIds } = await ready(BIN);
    const [first = ''] = snapshotIds;
    const until = inDays(7);
    expect(await deregister(id, [])).toBe(
      `${id} is in the Recycle Bin until ${until}: aws ec2 restore-image-from-recycle-bin --image-id ${id} --region eu-west-1`,
    );
    aws.clock.advance(MINUTE);
    const snapshotUntil = inDays(3);
    expect(await remove(first, id)).toBe(
      `${first} is in the Recycle Bin until ${snapshotUntil}: aws ec2 restore-snapshot-from-recycle-bin --snapshot-id ${first} --region eu-west-1`,
    );
  });

  it('is deleted all the same where nobody may look into the bin', async () => {
    const denied = ['ListImagesInRecycleBin', 'ListSnapshotsInRecycleBin'].map((name) => ({
      account: ACCOUNT,
      action: `ec2:${name}`,
    }));
    const { id, snapshotIds } = await ready(BIN, { denied });
    expect(await deregister(id, [])).toBeUndefined();
    aws.clock.advance(MINUTE);
    expect(await remove(snapshotIds[0] ?? '', id)).toBeUndefined();
    expect(snapshots()).toHaveLength(1);
  });
});

describe('a deletion that others have ruled out', () => {
  it('of a snapshot that is locked is kept, not tried in a loop', async () => {
    const { id, snapshotIds } = await ready();
    const [first = ''] = snapshotIds;
    await lock(first);
    await deregister(id, []);
    aws.clock.advance(MINUTE);
    expect(await codesOf(remove(first, id))).toMatchObject({ code: 'SnapshotLocked', effect: 'keeps' });
    expect(snapshots()).toHaveLength(2);
  });

  it.each([
    ['DeregisterImage', (id: string) => deregister(id, [])],
    ['DeleteSnapshot', (id: string, snapshotId: string) => remove(snapshotId, id)],
  ])('of what AWS Backup manages is kept (%s)', async (name, act) => {
    const { id, snapshotIds } = await ready();
    if (name === 'DeleteSnapshot') await deregister(id, []);
    aws.clock.advance(MINUTE);
    const message = 'This snapshot is managed by the AWS Backup service and cannot be deleted via EC2 APIs.';
    aws.faults({ action: name, kind: 'error-InvalidParameterValue', message });
    expect(await codesOf(act(id, snapshotIds[0] ?? ''))).toMatchObject({
      code: 'ManagedByOther',
      effect: 'keeps',
      message: expect.stringContaining('AWS Backup manages'),
    });
  });

  it('for any other reason is the refusal that it is', async () => {
    const { id } = await ready();
    aws.faults({ action: 'DeregisterImage', kind: 'error-OperationNotPermitted', message: 'it is protected' });
    expect(await codesOf(deregister(id, []))).toBeInstanceOf(AwsError);
  });
});

describe('locks of snapshots', () => {
  it('are read with their mode and end, and those that are over are none', async () => {
    const { snapshotIds } = await ready();
    const [first = ''] = snapshotIds;
    await lock(first);
    const until = aws.clock.now() + 30 * DAY;
    await away.inventory.fetch({ kind: 'locks', target: AWAY }, {});
    expect(away.inventory.view().locks).toEqual({
      ok: true,
      value: new Map([[first, { mode: 'governance', until }]]),
    });
    aws.clock.advance(31 * DAY);
    await away.inventory.fetch({ kind: 'locks', target: AWAY }, {});
    expect(away.inventory.view().locks).toEqual({ ok: true, value: new Map() });
  });

  it('that nobody may see are an answer, too', async () => {
    await ready({}, { denied: [{ account: ACCOUNT, action: 'ec2:DescribeLockedSnapshots' }] });
    await away.inventory.fetch({ kind: 'locks', target: AWAY }, {});
    expect(away.inventory.view().locks).toMatchObject({ ok: false });
  });
});
