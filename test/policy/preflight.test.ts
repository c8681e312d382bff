import { describe, expect, it } from 'vitest';
import { type Target, targetKey } from '../../src/policy/model.ts';
import { DEFAULT_LIMITS } from '../../src/policy/pass.ts';
import { type Permission, probeKey } from '../../src/policy/probe.ts';
import { AWAY, AWAY_EU, ami, codes, EU, kinds, PARTNER, SOURCE, spec, World } from './world.ts';

const denied = (action: string, why = `because no identity-based policy allows the ${action} action`): Permission => ({
  kind: 'denied',
  action,
  who: 'role amifleet',
  why,
});

/** A world in which dry runs are made, with a source image. */
function world(answers: Readonly<Record<string, Permission>> = {}, at: Target = EU): World {
  const made = new World(AWAY_EU);
  made.source(1);
  for (const place of made.places.values()) place.permissions = new Map();
  made.place(at).permissions = new Map(Object.entries(answers));
  return made;
}

const asked = (made: World, policy: ReturnType<typeof spec>): string[] =>
  made
    .plan(policy)
    .needs.flatMap((need) => (need.kind === 'permission' ? [`${targetKey(need.target)} ${probeKey(need.probe)}`] : []));

describe('before the first copy', () => {
  it('only what can be asked with what is there is asked: copies, and what is done to the source', () => {
    const policy = spec({ accounts: [{ id: AWAY, regions: [{ name: 'eu-west-1' }] }], regions: ['eu-west-1'] });
    expect(asked(world(), policy)).toEqual([
      `${targetKey(EU)} CopyImage`,
      `${targetKey(AWAY_EU)} CopyImage`,
      `${targetKey(SOURCE)} CreateTags source`,
      `${targetKey(SOURCE)} ModifyImageAttribute source`,
      `${targetKey(SOURCE)} DeleteTags source`,
      `${targetKey(SOURCE)} ModifySnapshotAttribute source`,
    ]);
  });

  it('a policy that leaves its sources alone is not asked about them', () => {
    expect(asked(world(), spec({ regions: ['eu-west-1'] }))).toEqual([`${targetKey(EU)} CopyImage`]);
  });

  it('the copy is asked for as it would be made, so that conditions on its tags are met', () => {
    const need = world()
      .plan(spec({ regions: ['eu-west-1'] }))
      .needs.find(({ kind }) => kind === 'permission');
    expect(need).toMatchObject({
      probe: { origin: { imageId: ami(1) }, name: 'web-1', tags: { 'amifleet.io/policy-uid': 'uid-1', app: 'web' } },
    });
  });

  it('nothing is asked where nobody makes dry runs, or where nothing may be written', () => {
    const silent = new World();
    silent.source(1);
    expect(asked(silent, spec())).toEqual([]);
    const readOnly = world();
    for (const place of readOnly.places.values()) place.readOnly = true;
    expect(asked(readOnly, spec())).toEqual([]);
  });
});

describe('once there is a copy', () => {
  const withCopy = (policy: ReturnType<typeof spec>): string[] => {
    const made = world({ CopyImage: { kind: 'allowed' } });
    made.copy(1, EU);
    return asked(made, policy).map((each) => each.slice(targetKey(EU).length + 1));
  };
  const always = ['CreateTags copy', 'DeleteTags copy'];
  const regions = ['eu-west-1'];

  it.each([
    ['nothing but copies', spec({ regions }), []],
    ['sharing', spec({ regions, sharing: { accounts: [PARTNER] } }), ['ModifyImageAttribute copy']],
    [
      'protection',
      spec({ regions, protection: true }),
      ['EnableImageDeregistrationProtection copy', 'DisableImageDeregistrationProtection copy'],
    ],
    [
      'deprecation, and the way back',
      spec({ regions, retention: { keepNewest: 1, deprecateAfterDays: 1 } }),
      ['EnableImageDeprecation copy', 'DisableImageDeprecation copy'],
    ],
    [
      'deletion with its proofs',
      spec({ regions, retention: { keepNewest: 1, deleteAfterDays: 1 } }),
      ['DeregisterImage copy', 'DeleteSnapshot copy', 'DescribeImageReferences copy', 'CreateImageUsageReport copy'],
    ],
    [
      'deletion that keeps the snapshots',
      spec({ regions, retention: { keepNewest: 1, deleteAfterDays: 1, snapshots: 'Keep' } }),
      ['DeregisterImage copy', 'DescribeImageReferences copy', 'CreateImageUsageReport copy'],
    ],
  ])('a policy with %s asks for what it will need and for nothing else', (_, policy, more) => {
    expect(withCopy(policy)).toEqual([...always, ...more]);
  });
});

describe('a permission that is missing', () => {
  it('for copying holds back the copies there and nothing elsewhere, and lends nothing', () => {
    const made = world({ CopyImage: denied('ec2:CopyImage') }, AWAY_EU);
    for (const target of [EU, SOURCE]) made.place(target).permissions = undefined;
    const plan = made.plan(
      spec({ accounts: [{ id: AWAY, regions: [{ name: 'eu-west-1' }] }], regions: ['eu-west-1'] }),
    );
    expect(plan.actions.map(({ kind, target }) => `${kind} ${targetKey(target)}`)).toEqual([
      `CopyImage ${targetKey(EU)}`,
    ]);
    expect(plan.blocked.map(({ part, code, effect }) => `${part} ${code} ${effect}`)).toEqual([
      'access PermissionMissing stalls',
      'replication PermissionMissing stalls',
    ]);
    expect(plan.blocked[0]?.message).toBe(
      `role amifleet may not do what this policy needs: ec2:CopyImage (because no identity-based policy allows it). Allow it in the role of AwsAccount ${AWAY}; amifleet iam account prints a policy that does`,
    );
  });

  it('for the tags of a copy is called by its own name', () => {
    const plan = world({ CopyImage: denied('ec2:CreateTags') }).plan(spec({ regions: ['eu-west-1'] }));
    expect(plan.blocked[0]?.message).toContain('ec2:CreateTags (because no');
  });

  it('for deleting does not stop copying, and no deletion is begun', () => {
    const made = world({ 'DeleteSnapshot copy': denied('ec2:DeleteSnapshot'), CopyImage: { kind: 'allowed' } });
    made.source(2);
    made.source(3);
    for (const number of [1, 2])
      made.copy(number, EU, { tags: { 'amifleet.io/surplus-since': '2026-01-01T00:00:00Z' } });
    const plan = made.plan(spec({ regions: ['eu-west-1'], retention: { keepNewest: 1, deleteAfterDays: 0 } }));
    expect(kinds(plan)).toContain('CopyImage');
    expect(kinds(plan).filter((kind) => /Deletion|Deregister|DeleteSnapshot/.test(kind))).toEqual([]);
    expect(plan.blocked.map(({ part, code }) => `${part} ${code}`)).toEqual(
      expect.arrayContaining(['access PermissionMissing', 'retention PermissionMissing']),
    );
  });

  it('that this policy does not need is none of its business', () => {
    const plan = world({ 'DeregisterImage copy': denied('ec2:DeregisterImage') }).plan(
      spec({ regions: ['eu-west-1'] }),
    );
    expect(plan.blocked).toEqual([]);
    expect(kinds(plan)).toEqual(['CopyImage']);
  });

  it('because the organization forbids it is mended there', () => {
    const why = 'with an explicit deny in a service control policy';
    const plan = world({ CopyImage: denied('ec2:CopyImage', why) }).plan(spec({ regions: ['eu-west-1'] }));
    expect(plan.blocked[0]?.message).toContain(
      'ec2:CopyImage (with an explicit deny in a service control policy). Take the deny out',
    );
  });
});

it.each([
  ['there is nearly no room for images any more, that is said, and the copy is tried', true, 1, ['ImageQuotaNear']],
  ['there is room, nothing is said', true, 50_000, []],
  ['not everything was listed, nobody knows', undefined, 1, []],
] as const)('where %s', (_, isWhole, images, said) => {
  const made = world({ CopyImage: { kind: 'allowed' } });
  const place = made.place(EU);
  made.source(2);
  made.copy(1, EU);
  if (isWhole) place.isWhole = true;
  const plan = made.plan(spec({ regions: ['eu-west-1'] }), { limits: { ...DEFAULT_LIMITS, images } });
  expect(codes(plan).filter((code) => code === 'ImageQuotaNear')).toEqual(said);
  expect(kinds(plan)).toContain('CopyImage');
});

describe('Allowed AMIs in the target of another account', () => {
  const policy = spec({ accounts: [{ id: AWAY, regions: [{ name: 'eu-west-1' }] }], regions: ['us-east-1'] });
  const copying = (allowedImages: { isOn: boolean; providers?: readonly string[] }): ReturnType<World['plan']> => {
    const made = new World(AWAY_EU);
    made.source(1, { grants: { accounts: [AWAY] } });
    made.place(AWAY_EU).allowedImages = { ok: true, value: allowedImages };
    return made.plan(policy);
  };

  it('that leaves the origin out refuses the copy before anything is lent', () => {
    const plan = copying({ isOn: true, providers: ['amazon'] });
    expect(plan.actions).toEqual([]);
    expect(plan.blocked.map(({ code, effect }) => `${code} ${effect}`)).toEqual(['OriginNotAllowed stalls']);
  });

  it.each([
    ['is off', { isOn: false }],
    ['lists the account', { isOn: true, providers: [SOURCE.account] }],
    ['cannot be judged', { isOn: true }],
  ])('that %s is no obstacle', (_, allowed) => {
    expect(copying(allowed).blocked).toEqual([]);
    expect(copying(allowed).actions.length).toBeGreaterThan(0);
  });
});
