import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/ambient/virtual-clock.ts';
import { Overlay, SETTLES_WITHIN_MS } from '../../src/aws/overlay.ts';
import {
  type Image,
  type LaunchGrants,
  NO_GRANTS,
  type Snapshot,
  type Tags,
  type UsageReport,
} from '../../src/policy/model.ts';
import { TAG } from '../../src/policy/tags.ts';
import { FIRST_ATTEMPT } from '../../src/policy/token.ts';

const image = (id: string, tags: Tags = {}): Image => ({
  id,
  name: id,
  description: '',
  state: 'available',
  createdAt: 1,
  architecture: 'x86_64',
  tags,
  volumes: [],
  protection: 'disabled',
});
const IDENTITY: Tags = {
  [TAG.policy]: 'platform/web',
  [TAG.policyUid]: 'uid',
  [TAG.cluster]: 'cluster',
  [TAG.sourceImage]: 'ami-0',
};
const snapshot = (id: string, tags: Tags = {}): Snapshot => ({
  id,
  state: 'completed',
  progress: 100,
  description: '',
  tags,
  sizeGiB: 8,
  encrypted: false,
  startedAt: 1,
});
const mapOf = <T extends { readonly id: string }>(...items: readonly T[]): ReadonlyMap<string, T> =>
  new Map(items.map((item) => [item.id, item]));
const grantsTo = (...accounts: readonly string[]): LaunchGrants => ({ ...NO_GRANTS, accounts });

/** The clock of AWS is ahead of ours. */
const SKEW = 3_600_000;

function start() {
  const clock = new VirtualClock(0);
  const overlay = new Overlay(clock, () => clock.now() + SKEW);
  return { clock, overlay, now: () => clock.monotonic() };
}

describe('a copy that was just made', () => {
  it('is there although no listing shows it, with the tags that it was made with', () => {
    const { overlay, now } = start();
    overlay.created({ ...image('ami-1', { a: 'b' }), state: 'pending' }, FIRST_ATTEMPT);
    expect(overlay.images(new Map(), now()).get('ami-1')).toMatchObject({ state: 'pending', tags: { a: 'b' } });
    expect(overlay.unseen()).toHaveLength(1);
  });

  it('is as the listing says once one shows it', () => {
    const { overlay, now } = start();
    const copy = image('ami-1', IDENTITY);
    overlay.created({ ...copy, state: 'pending' }, FIRST_ATTEMPT);
    expect(overlay.images(mapOf(copy), now()).get('ami-1')?.state).toBe('available');
    expect(overlay.unseen()).toHaveLength(0);
    expect(overlay.images(new Map(), now()).size).toBe(0);
  });

  it('has its tags although a listing shows it without them yet', () => {
    const { overlay, now } = start();
    overlay.created({ ...image('ami-1', { a: 'b' }), state: 'pending' }, FIRST_ATTEMPT);
    expect(overlay.images(mapOf(image('ami-1')), now()).get('ami-1')?.tags).toEqual({ a: 'b' });
  });

  it.each(Object.keys(IDENTITY))(
    'that is shown without %s is said to be untagged once the tags should be there',
    async (key) => {
      const { overlay, clock, now } = start();
      const { [key]: _, ...rest } = IDENTITY;
      overlay.created(image('ami-1', IDENTITY), FIRST_ATTEMPT);
      await clock.advance(2 * SETTLES_WITHIN_MS);
      expect(overlay.images(mapOf(image('ami-1', rest)), now()).get('ami-1')).toMatchObject({ untagged: true });
    },
  );

  it('stays, however long no listing shows it, until it is said to be lost', async () => {
    const { overlay, clock, now } = start();
    overlay.created(image('ami-1'), FIRST_ATTEMPT);
    await clock.advance(2 * SETTLES_WITHIN_MS);
    expect(overlay.images(new Map(), now()).has('ami-1')).toBe(true);
    overlay.settled('ami-1');
    expect(overlay.images(new Map(), now()).has('ami-1')).toBe(false);
  });
});

describe('what was removed', () => {
  it('is gone although a listing still shows it', () => {
    const { overlay, now } = start();
    overlay.removed('ami-1');
    overlay.removed('snap-1');
    expect(
      overlay
        .images(mapOf(image('ami-1'), image('ami-2')), now())
        .keys()
        .toArray(),
    ).toEqual(['ami-2']);
    expect(overlay.snapshots(mapOf(snapshot('snap-1')), now()).size).toBe(0);
  });

  it('is there when a listing that was begun five minutes later shows it', async () => {
    const { overlay, clock, now } = start();
    overlay.removed('ami-1');
    await clock.advance(SETTLES_WITHIN_MS);
    expect(overlay.images(mapOf(image('ami-1')), now()).size).toBe(0);
    await clock.advance(1);
    expect(overlay.images(mapOf(image('ami-1')), now()).size).toBe(1);
  });

  it('stays gone for as long as a listing of before is looked at', async () => {
    const { overlay, clock, now } = start();
    const begun = now();
    await clock.advance(1000);
    overlay.removed('ami-1');
    await clock.advance(10 * SETTLES_WITHIN_MS);
    expect(overlay.images(mapOf(image('ami-1')), begun).size).toBe(0);
  });
});

describe('a tag that was written', () => {
  it('is shown on images and snapshots whose listing does not show it yet, and one taken off is not', () => {
    const { overlay, now } = start();
    overlay.tagged(['ami-1', 'snap-1'], { new: 'yes', old: undefined });
    expect(overlay.images(mapOf(image('ami-1', { old: 'x', other: 'y' })), now()).get('ami-1')?.tags).toEqual({
      new: 'yes',
      other: 'y',
    });
    expect(overlay.snapshots(mapOf(snapshot('snap-1', { old: 'x' })), now()).get('snap-1')?.tags).toEqual({
      new: 'yes',
    });
  });

  it('counts as EC2 shows it once EC2 has shown it: somebody else has changed it since', () => {
    const { overlay, now } = start();
    overlay.tagged(['ami-1'], { key: 'ours' });
    overlay.images(mapOf(image('ami-1', { key: 'ours' })), now());
    expect(overlay.images(mapOf(image('ami-1', { key: 'theirs' })), now()).get('ami-1')?.tags).toEqual({
      key: 'theirs',
    });
  });

  it('is believed to be another one after five minutes, and not before', async () => {
    const { overlay, clock, now } = start();
    overlay.tagged(['ami-1'], { key: 'ours' });
    const shown = (): string | undefined =>
      overlay.images(mapOf(image('ami-1', { key: 'theirs' })), now()).get('ami-1')?.tags['key'];
    await clock.advance(SETTLES_WITHIN_MS);
    expect(shown()).toBe('ours');
    await clock.advance(1);
    expect(shown()).toBe('theirs');
  });

  it('stays for as long as a listing of before is looked at, so that it is not written again and again', async () => {
    const { overlay, clock, now } = start();
    const begun = now();
    overlay.tagged(['ami-1'], { key: 'ours' });
    await clock.advance(10 * SETTLES_WITHIN_MS);
    expect(overlay.images(mapOf(image('ami-1')), begun).get('ami-1')?.tags).toEqual({ key: 'ours' });
  });
});

describe('permissions that were changed', () => {
  const A = '111111111111';
  const B = '222222222222';

  it('are as written although an older reading says otherwise, however old that is by now', async () => {
    const { overlay, clock, now } = start();
    const read = now();
    overlay.launchChanged('ami-1', grantsTo(B), grantsTo(A));
    overlay.volumeChanged('snap-1', [B], [A]);
    await clock.advance(10 * SETTLES_WITHIN_MS);
    expect(overlay.launchGrants('ami-1', grantsTo(A), read)).toEqual(grantsTo(B));
    expect(overlay.volumeGrants('snap-1', [A], read)).toEqual([B]);
  });

  it('count as EC2 says once it was read after five minutes', async () => {
    const { overlay, clock, now } = start();
    overlay.launchChanged('ami-1', grantsTo(B), grantsTo(A));
    await clock.advance(SETTLES_WITHIN_MS + 1);
    expect(overlay.launchGrants('ami-1', grantsTo(A), now())).toEqual(grantsTo(A));
  });

  it('show drift as soon as EC2 has shown what was written', () => {
    const { overlay, now } = start();
    overlay.launchChanged('ami-1', grantsTo(A), NO_GRANTS);
    overlay.launchGrants('ami-1', grantsTo(A), now());
    expect(overlay.launchGrants('ami-1', NO_GRANTS, now())).toEqual(NO_GRANTS);
  });

  it('keep organisations, units and the public apart from accounts', () => {
    const { overlay, now } = start();
    const all: LaunchGrants = { accounts: [A], organizations: ['o'], organizationalUnits: ['u'], public: true };
    overlay.launchChanged('ami-1', { ...NO_GRANTS, organizations: ['o2'] }, { ...NO_GRANTS, public: true });
    expect(overlay.launchGrants('ami-1', all, now())).toEqual({
      accounts: [A],
      organizations: ['o', 'o2'],
      organizationalUnits: ['u'],
      public: false,
    });
  });
});

describe('a usage report', () => {
  const report = (id: string, createdAt: number): UsageReport => ({ kind: 'available', id, createdAt, usages: [] });

  it('that was asked for is pending until it is shown, whatever is shown before', async () => {
    const { overlay, clock, now } = start();
    overlay.usageRequested('ami-1', 'amiur-2');
    const pending = { kind: 'pending', id: 'amiur-2', createdAt: SKEW };
    await clock.advance(1000);
    expect(overlay.usageReport('ami-1', { kind: 'none' }, now())).toEqual(pending);
    expect(overlay.usageReport('ami-1', report('amiur-1', 0), now())).toEqual(pending);
    expect(overlay.usageReport('ami-2', { kind: 'none' }, now())).toEqual({ kind: 'none' });
    const shown = report('amiur-2', SKEW);
    expect(overlay.usageReport('ami-1', shown, now())).toBe(shown);
    expect(overlay.usageReport('ami-1', { kind: 'none' }, now())).toEqual({ kind: 'none' });
  });

  it('that is not shown after five minutes is not there', async () => {
    const { overlay, clock, now } = start();
    overlay.usageRequested('ami-1', 'amiur-1');
    const before = now();
    await clock.advance(SETTLES_WITHIN_MS + 1);
    expect(overlay.usageReport('ami-1', { kind: 'none' }, before)).toMatchObject({ kind: 'pending' });
    expect(overlay.usageReport('ami-1', { kind: 'none' }, now())).toEqual({ kind: 'none' });
  });

  it('of before others were let in counts as failed, by the clock of AWS; the next one counts', async () => {
    const { overlay, clock, now } = start();
    await clock.advance(60_000);
    overlay.usageOutdated('ami-1');
    const failed = { kind: 'failed', id: 'amiur-1' };
    expect(overlay.usageReport('ami-1', report('amiur-1', SKEW + 50_000), now())).toMatchObject(failed);
    expect(overlay.usageReport('ami-1', report('amiur-1', SKEW + 50_000), now())).toMatchObject(failed);
    const next = report('amiur-2', SKEW + 60_000);
    expect(overlay.usageReport('ami-1', next, now())).toBe(next);
  });
});

describe('whatever was written', () => {
  it('a listing of the time before shows as last written, and a listing of long after as it is', () => {
    const write = fc.record({
      id: fc.constantFrom('ami-1', 'ami-2'),
      key: fc.constantFrom('a', 'b'),
      value: fc.option(fc.constantFrom('1', '2'), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(write, { maxLength: 20 }), (writes) => {
        const { overlay, now } = start();
        const expected = new Map<string, Record<string, string>>([
          ['ami-1', { a: '0' }],
          ['ami-2', {}],
        ]);
        const listed = mapOf(image('ami-1', { a: '0' }), image('ami-2'));
        for (const { id, key, value } of writes) {
          overlay.tagged([id], { [key]: value });
          const tags = expected.get(id) ?? {};
          if (value === undefined) delete tags[key];
          else tags[key] = value;
        }
        const before = overlay.images(listed, now());
        for (const [id, tags] of expected) expect(before.get(id)?.tags).toEqual(tags);
        expect(overlay.images(listed, now() + SETTLES_WITHIN_MS + 1)).toBe(listed);
      }),
    );
  });
});
