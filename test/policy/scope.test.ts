import { describe, expect, it } from 'vitest';
import { scopeOf } from '../../src/policy/scope.ts';
import { targetsOf } from '../../src/policy/standing.ts';
import { AWAY, AWAY_EU, codes, EU, HOME, SOURCE, spec, World } from './world.ts';

const account = (id: string, labels: Record<string, string> = {}, usable = true) => ({ id, labels, usable });
const PROD = { tier: 'prod' };
const THIRD = '333344445555';
const selecting = spec({ accountSelector: { matchLabels: PROD } });
const keys = (scope: ReturnType<typeof scopeOf>): string[] =>
  targetsOf(scope.spec).map((target) => `${target.account}/${target.region}`);
const own = [`${HOME}/us-east-1`, `${HOME}/eu-west-1`];

describe('accountSelector', () => {
  it('adds the usable accounts that have all the labels, in the regions of the policy', () => {
    const scope = scopeOf(selecting, undefined, [
      account(THIRD, { ...PROD, more: 'x' }),
      account(AWAY, PROD),
      account('444455556666', { tier: 'dev' }),
      account('555566667777', PROD, false),
      account(HOME, PROD),
    ]);
    expect(keys(scope)).toEqual([
      ...own,
      `${AWAY}/us-east-1`,
      `${AWAY}/eu-west-1`,
      `${THIRD}/us-east-1`,
      `${THIRD}/eu-west-1`,
    ]);
  });

  it('leaves an account that is listed as it is listed', () => {
    const listed = spec({
      accountSelector: { matchLabels: PROD },
      accounts: [{ id: AWAY, regions: [{ name: 'eu-west-1' }] }],
    });
    expect(keys(scopeOf(listed, undefined, [account(AWAY, PROD)]))).toEqual([...own, `${AWAY}/eu-west-1`]);
  });

  it('lets an account go that is not selected any more, and never one that is listed', () => {
    expect(scopeOf(selecting, undefined, [account(AWAY)]).letsGo(AWAY_EU)).toBe(true);
    expect(scopeOf(selecting, undefined, [account(AWAY, PROD)]).letsGo(AWAY_EU)).toBe(false);
    expect(scopeOf(selecting, undefined, []).letsGo(SOURCE)).toBe(false);
  });

  it('without one, what is no longer named drains', () => {
    expect(scopeOf(spec(), undefined, [account(AWAY)]).letsGo(AWAY_EU)).toBe(false);
  });
});

describe('the annotation abandon', () => {
  it.each<[string, string[], boolean]>([
    ['an account', [AWAY], true],
    ['a target', [`${AWAY}/eu-west-1`], true],
    ['another region', [`${AWAY}/us-west-2`], false],
    ['several, with blanks', [` ${THIRD} `, ` ${AWAY}/eu-west-1`], true],
    ['what is no account', ['everything', '22223333444', `${AWAY}/`], false],
  ])('names %s: %j lets go: %s', (_, entries, expected) => {
    expect(scopeOf(spec(), entries.join(','), []).letsGo(AWAY_EU)).toBe(expected);
  });

  it('takes what it names out of the targets', () => {
    const policy = spec({ accounts: [{ id: AWAY }] });
    expect(keys(scopeOf(policy, `${AWAY}/us-east-1,${HOME}/eu-west-1`, []))).toEqual([
      `${HOME}/us-east-1`,
      `${AWAY}/eu-west-1`,
    ]);
    expect(keys(scopeOf(policy, AWAY, []))).toEqual(own);
  });

  it('is shown in the plan, and stops nothing', () => {
    const world = new World();
    world.source(1);
    world.copy(1, EU);
    const plan = world.plan(spec(), { abandoned: [AWAY] });
    expect(codes(plan)).toEqual(['Abandoned']);
    expect(plan.actions).toEqual([]);
  });

  it('of the source lets a policy go that is being deleted, also with Delete', () => {
    const world = new World();
    world.source(1);
    world.copy(1, EU);
    world.places.delete(`${SOURCE.account}/${SOURCE.region}`);
    const plan = world.plan(spec({ deletionPolicy: 'Delete' }), { deleting: true, abandoned: [HOME] });
    expect(plan.released).toBe(true);
  });
});
