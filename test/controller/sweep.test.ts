import { afterEach, beforeEach, expect, it } from 'vitest';
import { performCall } from '../../src/aws/calls.ts';
import { Inventories } from '../../src/aws/inventories.ts';
import { Sweep } from '../../src/controller/sweep.ts';
import type { Owner } from '../../src/policy/identity.ts';
import { copyOf } from '../aws/actions.ts';
import { ACCOUNT, AWAY, HOME, type SimulatedAws, simulatedAws } from '../aws/simulated-aws.ts';

const OWN = { account: ACCOUNT };
const OWNER: Owner = { cluster: 'cluster-1', namespace: 'platform', name: 'web', uid: 'uid-1', source: HOME };
const STOP = { signal: new AbortController().signal };

let aws: SimulatedAws;
let sweep: Sweep;
beforeEach(async () => {
  aws = await simulatedAws();
  sweep = new Sweep(aws.clients, aws.inventories, aws.clock);
});
afterEach(() => aws[Symbol.asyncDispose]());

it('a target with copies is found by the sweep of an account after a restart, for their owner only', async () => {
  await performCall(copyOf(), aws.open(AWAY), STOP);
  aws.clock.advance(60_000);
  const restarted = new Sweep(aws.clients, new Inventories(aws.clients, aws.clock), aws.clock);
  await restarted.account(OWN, {});
  expect(restarted.targetsWith(OWNER)).toEqual([AWAY]);
  expect(restarted.targetsWith({ ...OWNER, uid: 'uid-2', name: 'other' })).toEqual([]);
  expect(restarted.isComplete(ACCOUNT)).toBe(true);
});

it('a target that got its copies after the sweep is known all the same, before and after it was listed', async () => {
  await sweep.account(OWN, {});
  expect(sweep.targetsWith(OWNER)).toEqual([]);
  await performCall(copyOf(), aws.open(AWAY), STOP);
  expect(sweep.targetsWith(OWNER)).toEqual([AWAY]);
  aws.clock.advance(60_000);
  await aws.open(AWAY).inventory.observe(aws.clock.monotonic(), {});
  expect(sweep.targetsWith(OWNER)).toEqual([AWAY]);
});

it('a region that does not answer leaves the sweep incomplete, and it is made again in ten minutes', async () => {
  aws.faults({ action: 'DescribeImages', region: AWAY.region, kind: 'error-UnauthorizedOperation', times: 9 });
  await sweep.account(OWN, {});
  expect(sweep.isComplete(ACCOUNT)).toBe(false);
  expect(sweep.isDue(ACCOUNT)).toBe(false);
  aws.clock.advance(11 * 60_000);
  expect(sweep.isDue(ACCOUNT)).toBe(true);
  aws.faults();
  await sweep.account(OWN, {});
  expect(sweep.isComplete(ACCOUNT)).toBe(true);
});

it('those who ask for a sweep at a time share it', async () => {
  await Promise.all([sweep.account(OWN, {}), sweep.account(OWN, {}), sweep.account(OWN, {})]);
  expect(aws.count('DescribeRegions')).toBe(1);
  // What was not answered in time is asked again, and that is not a second sweep.
  const answered = aws.made.filter(({ action, outcome }) => action === 'DescribeImages' && outcome === 'ok');
  expect(answered).toHaveLength((await aws.clients.regionsOf(OWN)).size);
});
