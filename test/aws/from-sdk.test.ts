import type { Image as SdkImage } from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import { grantsFrom, imageFrom, snapshotFrom } from '../../src/aws/from-sdk.ts';

const full: SdkImage = {
  ImageId: 'ami-1',
  Name: 'base-1',
  Description: 'A base',
  State: 'available',
  CreationDate: '2026-01-02T03:04:05.000Z',
  Architecture: 'arm64',
  Tags: [{ Key: 'team', Value: 'core' }, { Key: 'empty', Value: '' }, { Key: 'none' }, { Value: 'no key' }],
  BlockDeviceMappings: [
    { DeviceName: '/dev/sda1', Ebs: { SnapshotId: 'snap-1', VolumeSize: 8, Encrypted: true } },
    { DeviceName: '/dev/sdb', VirtualName: 'ephemeral0' },
    { DeviceName: '/dev/sdc', Ebs: { VolumeSize: 20 } },
  ],
  LastLaunchedTime: '2026-02-03T00:00:00Z',
  DeregistrationProtection: 'enabled-with-cooldown',
  SourceImageId: 'ami-0',
  ProductCodes: [{ ProductCodeId: 'abcd1234', ProductCodeType: 'marketplace' }, {}],
};

describe('an image', () => {
  it('is read with everything that decisions need', () => {
    expect(imageFrom(full)).toEqual({
      id: 'ami-1',
      name: 'base-1',
      description: 'A base',
      state: 'available',
      createdAt: Date.UTC(2026, 0, 2, 3, 4, 5),
      architecture: 'arm64',
      tags: { team: 'core', empty: '', none: '' },
      volumes: [
        { snapshotId: 'snap-1', sizeGiB: 8, encrypted: true },
        { sizeGiB: 20, encrypted: false },
      ],
      lastLaunchedAt: Date.UTC(2026, 1, 3),
      protection: 'enabled-with-cooldown',
      productCodes: ['abcd1234'],
      madeFrom: 'ami-0',
    });
  });

  it('with an id only is one to leave alone', () => {
    expect(imageFrom({ ImageId: 'ami-1' })).toEqual({
      id: 'ami-1',
      name: '',
      description: '',
      state: 'transient',
      createdAt: 0,
      architecture: '',
      tags: {},
      volumes: [],
      protection: 'disabled',
    });
  });

  it('without an id is none', () => {
    expect(imageFrom({ Name: 'x' })).toBeUndefined();
    expect(imageFrom({ ImageId: '' })).toBeUndefined();
  });

  it('in a state that is new to this program is one to leave alone', () => {
    expect(imageFrom({ ...full, State: 'hibernated' as never })?.state).toBe('transient');
  });

  it.each(['available', 'disabled'] as const)(
    'that is %s but has no date is one to leave alone: it would look oldest',
    (State) => {
      for (const CreationDate of ['', 'soon'])
        expect(imageFrom({ ...full, State, CreationDate })?.state).toBe('transient');
    },
  );

  it.each(['pending', 'failed', 'deregistered'] as const)('that is %s needs no date', (State) => {
    expect(imageFrom({ ImageId: 'ami-1', State })?.state).toBe(State);
  });

  it('that failed says why', () => {
    const reason = { Code: 'Client.X', Message: 'The key is gone' };
    expect(imageFrom({ ...full, State: 'failed', StateReason: reason })?.stateReason).toBe('The key is gone');
  });

  it('keeps a tag that is named like a part of every object', () => {
    expect(imageFrom({ ...full, Tags: [{ Key: '__proto__', Value: 'x' }] })?.tags).toEqual(
      Object.fromEntries([['__proto__', 'x']]),
    );
  });
});

describe('a snapshot', () => {
  it('is read with its progress as a number', () => {
    expect(
      snapshotFrom({
        SnapshotId: 'snap-1',
        State: 'completed',
        Progress: '99%',
        Description: 'd',
        VolumeSize: 8,
        Encrypted: true,
        KmsKeyId: 'arn:k',
        StateMessage: 'm',
        StartTime: new Date(1000),
        Tags: [{ Key: 'a', Value: 'b' }],
      }),
    ).toEqual({
      id: 'snap-1',
      state: 'completed',
      progress: 99,
      description: 'd',
      tags: { a: 'b' },
      sizeGiB: 8,
      encrypted: true,
      kmsKeyId: 'arn:k',
      stateMessage: 'm',
      startedAt: 1000,
    });
  });

  it('lacks what EC2 does not say', () => {
    expect(snapshotFrom({ SnapshotId: 'snap-1', Progress: '' })).toMatchObject({
      state: 'pending',
      progress: 0,
      startedAt: 0,
    });
    expect(snapshotFrom({})).toBeUndefined();
  });
});

describe('launch permissions', () => {
  it('are told apart by whom they are for', () => {
    expect(
      grantsFrom([
        { UserId: '222222222222' },
        { OrganizationArn: 'arn:o' },
        { UserId: '111111111111' },
        { OrganizationalUnitArn: 'arn:ou' },
        {},
      ]),
    ).toEqual({
      accounts: ['111111111111', '222222222222'],
      organizations: ['arn:o'],
      organizationalUnits: ['arn:ou'],
      public: false,
    });
  });

  it('for everyone make an image public', () => {
    expect(grantsFrom([{ Group: 'all' }]).public).toBe(true);
    expect(grantsFrom(undefined).public).toBe(false);
  });
});
