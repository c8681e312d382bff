import { describe, expect, it } from 'vitest';
import { nextLook } from '../../src/controller/next-look.ts';
import { type Decision, makePlan } from '../../src/policy/make-plan.ts';
import { targetKey } from '../../src/policy/model.ts';
import { parameterDescription } from '../../src/policy/parameter-ownership.ts';
import type { PlanInput } from '../../src/policy/pass.ts';
import { report } from '../../src/policy/report.ts';
import { isoTime, TAG, tempGrantTag } from '../../src/policy/tags.ts';
import { AWAY, AWAY_EU, ami, codes, daysAgo, EU, ids, kinds, NOW, OWNER, SOURCE, spec, World } from './world.ts';

const MINUTE = 60_000;
const looksAfter = (input: PlanInput, decision: Decision): number | undefined =>
  nextLook(decision.plan, input.targets.values(), OWNER, NOW);

describe('scope: CopiesAndSource beside another policy of the same source', () => {
  const rules = { keepNewest: 1, deleteAfterDays: 3, scope: 'CopiesAndSource' } as const;

  it('keeps a source image that the other policy wants', () => {
    const world = new World();
    for (const number of [1, 2]) world.source(number);
    world.copy(2, EU);
    world.place(SOURCE).allow = ['RetireSources'];
    world.claim(1);
    world.retag(SOURCE, ami(1), { [TAG.surplusSince]: isoTime(daysAgo(3)) });
    const rival = {
      owner: { ...OWNER, uid: 'uid-2', name: 'other' },
      spec: spec({ regions: ['us-east-1'], source: { newest: 5 } }),
      createdAt: daysAgo(200),
    };
    expect(ids(world.plan(spec({ retention: rules }), { rivals: [rival] }))).not.toContain(`deregister ${ami(1)}`);
  });
});

describe('an account that lost its label while a copy into it is under way', () => {
  it('keeps the source that the copy is made from, and the grant', () => {
    const world = new World(AWAY_EU);
    for (const number of [1, 2]) world.source(number, { ...(number === 1 && { grants: { accounts: [AWAY] } }) });
    world.claim(1);
    world.retag(SOURCE, ami(1), { [tempGrantTag(AWAY)]: 'launch' });
    const copy = world.copy(1, AWAY_EU, { state: 'pending' });
    const plan = (): Decision['plan'] => {
      const targets = world.views();
      const letGo = new Map([[targetKey(AWAY_EU), targets.get(targetKey(AWAY_EU))!]]);
      targets.delete(targetKey(AWAY_EU));
      const policy = spec({ regions: ['us-east-1'], accountSelector: { matchLabels: { tier: 'prod' } } });
      return world.plan(policy, { targets, letGo });
    };
    expect(kinds(plan())).not.toContain('RevokeTemporaryGrant');
    expect(plan().actions.some(({ target }) => target.account === AWAY)).toBe(false);
    world.change(AWAY_EU, copy, { state: 'available' });
    expect(kinds(plan())).toContain('RevokeTemporaryGrant');
  });
});

describe('a copy that another policy has claimed as its source', () => {
  it('is not deleted under its hands', () => {
    const world = new World();
    for (const number of [1, 2, 3]) world.source(number);
    for (const number of [2, 3]) world.copy(number, EU);
    const old = world.copy(1, EU, {
      tags: {
        [TAG.surplusSince]: isoTime(daysAgo(40)),
        [TAG.claimedBy]: 'team-b/other cluster-1 uid-9',
      },
    });
    const plan = world.plan(spec({ retention: { keepNewest: 1, deleteAfterDays: 3 } }));
    expect(ids(plan)).not.toContain(`deregister ${old}`);
  });
});

describe('publishing', () => {
  const NAME = '/ami/x86_64';

  it('a target that cannot be used leaves the policy stalled, and is not looked at every three seconds', () => {
    const world = new World();
    world.source(1);
    world.hide(EU, true);
    for (const target of [SOURCE, EU]) world.place(target).parameters.set(NAME, { ok: true, value: undefined });
    const input = world.input(spec({ publish: { ssmParameter: '/ami/{architecture}' } }));
    const decision = makePlan(input);
    const types = report(input, decision, []).findings.map(({ type }) => type);
    expect.soft(types).toContain('Stalled');
    expect(looksAfter(input, decision) ?? 5 * MINUTE).toBeGreaterThan(MINUTE);
  });

  it('a pin that names nothing is said', () => {
    const world = new World();
    world.source(1);
    world.copy(1, EU);
    for (const target of [SOURCE, EU]) world.place(target).parameters.set(NAME, { ok: true, value: undefined });
    const plan = world.plan(spec({ publish: { ssmParameter: '/ami/{architecture}', pin: ['web-11'] } }));
    expect(plan.blocked.map(({ message }) => message).join()).toContain('web-11');
  });

  it('a pin to a version that is excluded is said', () => {
    const world = new World();
    world.source(1);
    world.source(2);
    world.copy(2, EU);
    for (const target of [SOURCE, EU]) world.place(target).parameters.set(NAME, { ok: true, value: undefined });
    const plan = world.plan(
      spec({
        source: { images: { names: ['web-*'], exclude: ['web-1'] } },
        publish: { ssmParameter: '/ami/{architecture}', pin: ['web-1'] },
      }),
    );
    expect(plan.blocked.map(({ message }) => message).join()).toContain('web-1');
  });

  it('a parameter of file mode is taken over by the policy of the same name in a cluster, as its copies are', () => {
    const world = new World();
    world.source(1);
    const copy = world.copy(1, EU);
    const file = { ...OWNER, cluster: 'file', uid: 'uid-file' };
    for (const target of [SOURCE, EU]) {
      const value = target === SOURCE ? ami(1) : copy;
      world.place(target).parameters.set(NAME, { ok: true, value: { value, version: 1 } });
      world.place(target).descriptions.set(NAME, { ok: true, value: parameterDescription(file) });
    }
    expect(codes(world.plan(spec({ publish: { ssmParameter: '/ami/{architecture}' } })))).not.toContain(
      'ParameterForeign',
    );
  });

  it('what is no longer published is still known to be while a target cannot be seen', () => {
    const world = new World();
    world.source(1);
    world.copy(1, EU);
    world.hide(EU);
    // The policy does not publish any more; in EU there is a parameter of it still.
    const input = world.input(spec(), { published: true });
    const types = report(input, makePlan(input), []).findings.map(({ type }) => type);
    // `published` of the next pass is whether the condition is there.
    expect(types).toContain('Published');
  });
});

describe('sharing.snapshots: Accounts right after a start', () => {
  it('takes no grant back that may be a temporary one whose mark is not visible yet', () => {
    const world = new World(AWAY_EU);
    const snapshotId = 'snap-0000000000000000a';
    world.source(1, { volumes: [{ snapshotId, sizeGiB: 8, encrypted: false }], grants: { accounts: [AWAY] } });
    world.claim(1);
    world.copy(1, AWAY_EU, { state: 'pending' });
    world.place(SOURCE).volume.set(snapshotId, { ok: true, value: [AWAY] });
    const policy = spec({
      regions: ['us-east-1'],
      accounts: [{ id: AWAY, regions: [{ name: 'eu-west-1' }] }],
      sharing: { snapshots: 'Accounts' },
    });
    const plan = world.plan(policy, { settlesAt: NOW + MINUTE });
    expect(kinds(plan)).not.toContain('Unshare');
    expect(kinds(plan)).not.toContain('UnshareSnapshot');
  });
});

describe('sharing', () => {
  it('says that organisations and units are not let read the snapshots', () => {
    const world = new World();
    world.source(1, {
      grants: { organizationalUnits: ['arn:aws:organizations::111122223333:ou/o-abc123/ou-ab12-cdef'] },
    });
    world.claim(1);
    world.place(SOURCE).volume.set('snap-00000000000000001', { ok: true, value: [] });
    const input = world.input(
      spec({
        regions: ['us-east-1'],
        sharing: {
          organizationalUnits: ['arn:aws:organizations::111122223333:ou/o-abc123/ou-ab12-cdef'],
          snapshots: 'Accounts',
        },
      }),
    );
    const text = JSON.stringify(report(input, makePlan(input), []));
    expect(text).toMatch(/EBS|snapshots? .*organi[sz]ation/i);
  });

  it('says before the copies are made that they cannot be public', () => {
    const world = new World();
    world.source(1);
    world.place(EU).publicBlocked = { ok: true, value: true };
    const plan = world.plan(spec({ regions: ['eu-west-1'], sharing: { public: true } }));
    expect(kinds(plan)).toContain('CopyImage');
    expect(codes(plan).join()).toMatch(/Public/);
  });
});

describe('waits that nothing here will end', () => {
  it('a temporary grant whose account cannot be seen any more is not looked at every three seconds', () => {
    const world = new World(AWAY_EU);
    world.source(1, { grants: { accounts: [AWAY] } });
    world.claim(1);
    world.retag(SOURCE, ami(1), { [tempGrantTag(AWAY)]: 'launch' });
    world.hide(AWAY_EU, true);
    const input = world.input(
      spec({ regions: ['us-east-1'], accounts: [{ id: AWAY, regions: [{ name: 'eu-west-1' }] }] }),
    );
    const decision = makePlan(input);
    const types = report(input, decision, []).findings.map(({ type }) => type);
    expect.soft(types).toContain('Stalled');
    expect(looksAfter(input, decision) ?? 5 * MINUTE).toBeGreaterThan(MINUTE);
  });

  it('a source image in the making, which may take an hour, is not polled every three seconds', () => {
    const world = new World();
    world.source(1, { state: 'pending' });
    const input = world.input(spec());
    expect(looksAfter(input, makePlan(input)) ?? 5 * MINUTE).toBeGreaterThan(4000);
  });

  it('a pending snapshot whose image is gone is not polled every three seconds', () => {
    const world = new World();
    world.source(1);
    world.copy(1, EU);
    const gone = world.copy(1, EU, { state: 'pending' });
    world.place(EU).images.delete(gone);
    for (const [id, each] of world.place(EU).snapshots)
      if (each.state === 'pending')
        world
          .place(EU)
          .snapshots.set(id, { ...each, tags: { ...each.tags, [TAG.deleting]: `${gone} ${isoTime(daysAgo(1))}` } });
    const input = world.input(spec({ retention: { deleteAfterDays: 3 } }));
    const decision = makePlan(input);
    expect(decision.plan.waits).toHaveLength(1);
    expect(looksAfter(input, decision) ?? 5 * MINUTE).toBeGreaterThan(4000);
  });

  it('a foreign source whose first copy stalls leaves the rest stalled, and is not looked at every three seconds', () => {
    const world = new World();
    const owner = '999988887777';
    const image = {
      id: ami(1),
      name: 'web-1',
      description: '',
      state: 'available' as const,
      createdAt: daysAgo(10),
      architecture: 'x86_64',
      tags: Object.fromEntries(Array.from({ length: 49 }, (_, index) => [`key-${index}`, 'x'])),
      volumes: [{ snapshotId: 'snap-00000000000000009', sizeGiB: 8, encrypted: false }],
      protection: 'disabled',
    };
    world
      .place(SOURCE)
      .sharedImages.set(JSON.stringify([owner, ['web-*'], []]), { ok: true, value: new Map([[image.id, image]]) });
    const policy = spec({ source: { images: { names: ['web-*'], owner } } });
    const input = world.input(policy);
    const decision = makePlan(input);
    expect(codes(decision.plan)).toContain('TooManyTags');
    const types = report(input, decision, []).findings.map(({ type }) => type);
    expect.soft(types).toContain('Stalled');
    expect(looksAfter(input, decision) ?? 5 * MINUTE).toBeGreaterThan(MINUTE);
  });

  it('mode Plan: a disabled copy that is wanted again is not looked at every three seconds', () => {
    const world = new World();
    world.source(1);
    world.copy(1, EU, {
      state: 'disabled',
      tags: { [TAG.disabledSince]: isoTime(daysAgo(1)), [TAG.surplusSince]: isoTime(daysAgo(5)) },
    });
    const input = world.input(spec({ mode: 'Plan', retention: { disableAfterDays: 1 } }));
    expect(looksAfter(input, makePlan(input)) ?? 5 * MINUTE).toBeGreaterThan(MINUTE);
  });
});

describe('status', () => {
  it('shows the newest image id of each target where it fits', () => {
    const world = new World();
    world.source(1);
    const copy = world.copy(1, EU);
    const input = world.input(spec());
    expect(JSON.stringify(report(input, makePlan(input), []).status)).toContain(copy);
  });
});

describe('a key that may not be looked at and is named by its ARN', () => {
  it('is not said to be without comparison: it is compared', () => {
    const arn = 'arn:aws:kms:eu-west-1:111122223333:key/11111111-1111-1111-1111-111111111111';
    const world = new World();
    world.source(1);
    world.place(EU).permissions = new Map();
    world.place(EU).keys.set(arn, { ok: true, value: { kind: 'denied', why: 'AWS refused' } });
    const plan = world.plan(spec({ regions: [{ name: 'eu-west-1', kmsKeyId: arn }] }));
    expect(plan.blocked.map(({ message }) => message).join()).not.toContain('copies are not compared with it');
  });
});
