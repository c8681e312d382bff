import { describe, expect, it } from 'vitest';
import type { Answer } from '../../src/policy/model.ts';
import type { NodeClass, NodeClassTerm } from '../../src/policy/node-classes.ts';
import type { Plan } from '../../src/policy/plan.ts';
import { isoTime, TAG } from '../../src/policy/tags.ts';
import { AWAY, codes, daysAgo, EU, HOME, PARTNER, spec, World } from './world.ts';

const RULES = { keepNewest: 1, disableAfterDays: 1, deleteAfterDays: 3 };
const gone = (plan: Plan) => plan.actions.flatMap(({ call }) => (call.do === 'deregister' ? [call.imageId] : []));

/** Two versions in eu-west-1, of which the older is disabled and due to be deleted. */
function due(state: 'available' | 'disabled' = 'disabled') {
  const world = new World();
  for (const number of [1, 2]) world.source(number);
  world.copy(2, EU);
  const tags = { [TAG.surplusSince]: isoTime(daysAgo(9)), [TAG.disabledSince]: isoTime(daysAgo(5)) };
  const old = world.copy(1, EU, {
    state,
    tags: state === 'disabled' ? tags : { [TAG.surplusSince]: isoTime(daysAgo(9)) },
  });
  const plan = (nodeClasses: Answer<readonly NodeClass[]>, more: object = {}): Plan =>
    world.plan(spec({ retention: { ...RULES, ...more } }), { nodeClasses });
  return { world, old, plan };
}

const classes = (...value: readonly NodeClass[]): Answer<readonly NodeClass[]> => ({ ok: true, value });
const web = (term: NodeClassTerm, chosen?: readonly string[]): NodeClass => ({ name: 'web', terms: [term], chosen });

describe('an image that is due to go', () => {
  it('goes where no node class names it, and the reason says so', () => {
    const { old, plan } = due();
    const found = plan(classes(web({ id: 'ami-other' }), { name: 'eks', terms: [{ alias: 'al2023@latest' }] }));
    expect(gone(found)).toEqual([old]);
    expect(found.actions.find(({ kind }) => kind === 'DeregisterImage')?.reason).toContain(
      'no EC2NodeClass of the cluster names it',
    );
  });

  it.each<[string, (old: string) => NodeClass, RegExp]>([
    ['names it', (old) => web({ id: old }), /EC2NodeClass web names it/],
    ['names it, whatever its status says', (old) => web({ id: old }, ['ami-other']), /EC2NodeClass web names it/],
    ['has chosen it', (old) => web({ tags: { app: 'web' } }, [old]), /EC2NodeClass web launches nodes from it/],
    ['has chosen it by a parameter', (old) => web({ ssmParameter: '/ami/web' }, ['ami-other', old]), /launches nodes/],
  ])('stays where a node class %s', (_, classFor, message) => {
    const { old, plan } = due();
    const found = plan(classes(classFor(old)));
    expect(gone(found)).toEqual([]);
    expect(found.blocked.find(({ code }) => code === 'InUse')?.message).toMatch(message);
  });

  it('is not disabled either', () => {
    const { old, plan } = due('available');
    expect(plan(classes()).actions.map(({ kind }) => kind)).toContain('DisableImage');
    const found = plan(classes(web({ id: old })));
    expect(found.actions).toEqual([]);
    expect(codes(found)).toEqual(['InUse']);
  });

  it('goes where Karpenter has chosen another one by the same terms', () => {
    const { old, plan } = due();
    expect(gone(plan(classes(web({ tags: { app: 'web' } }, ['ami-other']))))).toEqual([old]);
  });

  it.each<[string, NodeClassTerm]>([
    ['its tags', { tags: { app: 'web' } }],
    ['any value of its tags', { tags: { app: '*' } }],
    ['its name', { name: 'web-1' }],
    ['a pattern of its name', { name: 'web-*', owner: 'self' }],
    ['its owner and tags', { owner: HOME, tags: { app: 'w?b' } }],
    ['a parameter, whose value is not known here', { ssmParameter: '/ami/web' }],
    ['something that is not known here', {}],
  ])('stays where Karpenter has not chosen yet, and the terms are %s', (_, term) => {
    const { plan } = due();
    const found = plan(classes(web(term)));
    expect(gone(found)).toEqual([]);
    expect(found.blocked.find(({ code }) => code === 'UseUnknown')?.message).toContain(
      'EC2NodeClass web may select it',
    );
  });

  it.each<[string, NodeClassTerm]>([
    ['other tags', { tags: { app: 'web', tier: '*' } }],
    ['another value', { tags: { app: 'Web' } }],
    ['another name', { name: 'web', tags: { app: 'web' } }],
    ['another owner', { owner: AWAY, name: '*' }],
    ['images of Amazon', { owner: 'amazon', name: '*' }],
    ['an image of EKS', { alias: 'bottlerocket@latest' }],
  ])('goes where Karpenter has not chosen yet, and the terms are %s', (_, term) => {
    const { old, plan } = due();
    expect(gone(plan(classes(web(term))))).toEqual([old]);
  });

  it.each<[string, NodeClassTerm, boolean]>([
    ['tags, which are not those that others see', { tags: { team: 'data' } }, true],
    ['its name and such tags', { name: 'web-*', tags: { team: 'data' } }, true],
    ['another name', { name: 'db-*', tags: { app: 'web' } }, false],
    ['another owner', { owner: AWAY, tags: { app: 'web' } }, false],
  ])('that is shared, where Karpenter has not chosen yet, and the terms are %s: %#', (_, term, stays) => {
    const { world, old, plan } = due('available');
    world.grant(EU, old, { accounts: [PARTNER] });
    const found = plan(classes(web(term)), { disableAfterDays: undefined });
    expect(gone(found)).toEqual(stays ? [] : [old]);
    expect(codes(found)).toEqual(stays ? ['UseUnknown'] : []);
    expect(codes(plan(classes(web(term, ['ami-other'])), { disableAfterDays: undefined }))).toEqual([]);
  });

  it('stays while the node classes cannot be read, also where use is to be ignored', () => {
    const { world, plan } = due();
    const nodeClasses = { ok: false, why: 'list ec2nodeclasses: Forbidden' } as const;
    const found = plan(nodeClasses);
    expect(gone(found)).toEqual([]);
    expect(found.blocked.find(({ code }) => code === 'UseUnknown')?.message).toContain('Forbidden');
    const limits = { ...world.input(spec()).limits, allowIgnoreInUse: true };
    const ignoring = spec({ retention: { ...RULES, inUse: 'Ignore' } });
    expect(gone(world.plan(ignoring, { nodeClasses, limits }))).toEqual([]);
  });

  it('stays, too, when its policy is deleted', () => {
    const { old, world } = due();
    const input = { deleting: true, nodeClasses: classes(web({ id: old })) };
    const found = world.plan(spec({ deletionPolicy: 'Delete', retention: RULES }), input);
    expect(gone(found)).not.toContain(old);
    expect(found.blocked.find(({ code }) => code === 'DeletionBlocked')?.message).toContain(
      'EC2NodeClass web names it',
    );
  });

  it('is asked no usage report for while a node class keeps it', () => {
    const { old, world, plan } = due();
    world.place(EU).usage.set(old, { ok: true, value: { kind: 'none' } });
    expect(plan(classes(web({ id: old }))).actions).toEqual([]);
    expect(plan(classes()).actions.map(({ kind }) => kind)).toEqual(['RequestUsageReport']);
  });
});
