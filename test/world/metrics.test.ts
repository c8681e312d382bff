import { describe, expect, it } from 'vitest';
import { account, BUILDERS, CONSUMER, PRODUCTION, policy, seedOf } from './documents.ts';
import { type Reading, scrape, seriesOf, sum } from './metric-readings.ts';
import { begin } from './scene.ts';
import { HOUR, type Launched, MINUTE, type World } from './world.ts';

const GIB = 2 ** 30;
const AWAY = { account: PRODUCTION, region: 'eu-west-1' };

const pending = (world: World): number => world.aws.world().images.filter(({ state }) => state === 'pending').length;

describe('of a policy that copies, a scrape shows', () => {
  const run = async () => {
    const world = begin([policy()], { seed: seedOf({ copySeconds: [100, 100] }) });
    const controller = world.launch();
    await world.until('all copies are under way', () => pending(world) === 2);
    await world.rest(45_000);
    const during = await scrape(controller);
    await world.untilReady('web');
    await world.rest(MINUTE);
    return { world, controller, during, after: await scrape(controller) };
  };
  const ran = run();

  it('how many copies there are, how many are under way, how large, and since when', async () => {
    const { during, after } = await ran;
    expect(sum(during, 'amifleet_copies_in_flight')).toBe(2);
    expect(seriesOf(during, 'amifleet_copies_in_flight', AWAY)).toHaveLength(1);
    // web-3 has two volumes, and there are two copies of it.
    expect(sum(during, 'amifleet_copies_in_flight_bytes')).toBe(2 * 28 * GIB);
    expect(sum(during, 'amifleet_oldest_copy_age_seconds', AWAY)).toBeGreaterThan(20);
    expect(sum(during, 'amifleet_oldest_copy_age_seconds', AWAY)).toBeLessThan(100);
    expect(sum(during, 'amifleet_images_managed')).toBe(2);
    expect(sum(after, 'amifleet_images_managed')).toBe(2);
    expect(sum(after, 'amifleet_copies_in_flight')).toBe(0);
    expect(sum(after, 'amifleet_copies_in_flight_bytes')).toBe(0);
    expect(seriesOf(after, 'amifleet_oldest_copy_age_seconds')).toEqual([]);
  });

  it('whether the policy is ready, and why it is not', async () => {
    const { during, after } = await ran;
    const labels = { namespace: 'platform', name: 'web' };
    expect(seriesOf(during, 'amifleet_policy_ready').map(({ labels, value }) => ({ ...labels, value }))).toEqual([
      { ...labels, value: 0 },
    ]);
    expect(sum(during, 'amifleet_policy_conditions', { type: 'Ready', status: 'False', reason: 'Copying' })).toBe(1);
    expect(sum(after, 'amifleet_policy_ready', labels)).toBe(1);
    expect(sum(after, 'amifleet_policy_conditions', { type: 'Ready', status: 'True', reason: 'Ready' })).toBe(1);
    expect(seriesOf(after, 'amifleet_policy_conditions', { status: 'False' })).toEqual([]);
  });

  it('each call that AWS has seen, and how long it took', async () => {
    const { world, after } = await ran;
    for (const { action, region, count } of countedByRegion(world)) {
      expect(`${action} ${sum(after, 'amifleet_aws_calls_total', { action, region })}`).toBe(`${action} ${count}`);
      expect(sum(after, 'amifleet_aws_call_duration_seconds_count', { action })).toBeGreaterThanOrEqual(count);
    }
    expect(sum(after, 'amifleet_aws_calls_total', { action: 'CopyImage', code: 'ok' })).toBe(2);
    expect(sum(after, 'amifleet_aws_budget_wait_seconds_count')).toBe(sum(after, 'amifleet_aws_calls_total'));
  });

  it('passes and their queue, and the calls to the API server', async () => {
    const { after } = await ran;
    for (const name of ['amipolicy', 'awsaccount']) {
      const passes = sum(after, 'controller_runtime_reconcile_total', { controller: name });
      expect(passes).toBeGreaterThanOrEqual(2);
      expect(sum(after, 'controller_runtime_reconcile_time_seconds_count', { controller: name })).toBe(passes);
      expect(sum(after, 'workqueue_queue_duration_seconds_count', { name })).toBe(passes);
      expect(sum(after, 'workqueue_work_duration_seconds_count', { name })).toBe(passes);
      expect(sum(after, 'workqueue_adds_total', { name })).toBeGreaterThanOrEqual(passes);
      expect(sum(after, 'workqueue_depth', { name })).toBe(0);
      expect(sum(after, 'workqueue_longest_running_processor_seconds', { name })).toBe(0);
    }
    expect(sum(after, 'controller_runtime_active_workers')).toBe(0);
    expect(sum(after, 'controller_runtime_reconcile_errors_total')).toBe(0);
    expect(sum(after, 'rest_client_requests_total', { method: 'PATCH', code: '200' })).toBeGreaterThanOrEqual(3);
    expect(sum(after, 'leader_election_master_status')).toBe(1);
  });

  it('the age of what it knows: of each target that is asked for, and of the cluster', async () => {
    const { after } = await ran;
    const ages = seriesOf(after, 'amifleet_inventory_age_seconds');
    const places = ages.map(({ labels }) => `${labels['account']}/${labels['region']}`);
    for (const place of [`${BUILDERS}/eu-west-1`, `${BUILDERS}/us-east-1`, `${PRODUCTION}/eu-west-1`])
      expect(places).toContain(place);
    for (const { value } of ages) expect(value).toBeLessThan(301);
    for (const { value } of seriesOf(after, 'amifleet_watch_age_seconds')) expect(value).toBeLessThanOrEqual(60);
  });

  it('no id, ARN, token or message in any label', async () => {
    const { after, during } = await ran;
    const values = new Set([...during, ...after].flatMap(({ labels }) => Object.values(labels).map(String)));
    expect(values.size).toBeGreaterThan(30);
    const odd = [...values].filter((value) =>
      /ami-|snap-|arn:|[0-9a-f]{8}-[0-9a-f]{4}|\s|amifleet-prod|ASIA|AKIA/.test(value),
    );
    expect(odd).toEqual([]);
  });

  it('nothing more of a policy that is gone', async () => {
    const { world, controller } = await ran;
    world.delete('web');
    await world.until('it is gone', () => world.policy('web') === undefined);
    await world.rest(2 * HOUR);
    const gone = await scrape(controller);
    expect(seriesOf(gone, 'amifleet_policy_ready')).toEqual([]);
    expect(seriesOf(gone, 'amifleet_policy_conditions')).toEqual([]);
    expect(seriesOf(gone, 'amifleet_inventory_age_seconds')).toEqual([]);
  });
});

function countedByRegion(world: World): { action: string; region: string; count: number }[] {
  const counts = new Map<string, { action: string; region: string; count: number }>();
  for (const { action, region, count } of [...world.aws.calls(), ...world.aws.dryRuns()]) {
    const key = `${action} ${region}`;
    counts.set(key, { action, region, count: (counts.get(key)?.count ?? 0) + count });
  }
  return [...counts.values()];
}

describe('of trouble, a scrape shows', () => {
  it('which bucket AWS has throttled, and who waits for it', async () => {
    const world = begin([policy()]);
    const controller = world.launch();
    await world.untilReady('web');
    world.aws.setFaults([
      { action: 'CopyImage', region: 'eu-west-1', nth: 1, times: 3, kind: 'throttle' },
      { action: 'DescribeImages', region: 'us-east-1', nth: 1, times: 2, kind: 'throttle' },
    ]);
    world.release(BUILDERS, 'us-east-1', 'web-4', { app: 'web', release: 'stable' });
    const waits = (): boolean =>
      controller.metrics.parts?.engine.clients.budget.read().some(({ waiting }) => waiting > 0) === true;
    await world.until('a call waits', waits);
    const during = await scrape(controller);
    const bucket = { region: 'eu-west-1', action: 'CopyImage' };
    expect(sum(during, 'amifleet_aws_throttles_total', bucket)).toBeGreaterThanOrEqual(1);
    expect(seriesOf(during, 'amifleet_aws_bucket_tokens', bucket).some(({ value }) => value < 1)).toBe(true);
    expect(sum(during, 'amifleet_aws_bucket_waiting', bucket)).toBeGreaterThanOrEqual(1);
    await world.rest(HOUR);
    const after = await scrape(controller);
    expect(sum(after, 'amifleet_aws_throttles_total')).toBe(5);
    expect(sum(after, 'amifleet_aws_throttles_total', bucket)).toBe(3);
    expect(sum(after, 'amifleet_aws_calls_total', { action: 'CopyImage', code: 'RequestLimitExceeded' })).toBe(3);
    expect(seriesOf(after, 'amifleet_aws_bucket_tokens', bucket)).toEqual([]);
    expect(seriesOf(after, 'amifleet_aws_bucket_waiting', bucket)).toEqual([]);
    expect(sum(after, 'amifleet_aws_bucket_waiting')).toBe(0);
  });

  it('how long calls have waited for the rate budget, where there is more to ask than it allows at once', async () => {
    const images = Array.from({ length: 100 }, (_, index) => ({ name: `web-${index}`, tags: { app: 'web' } }));
    const spec = {
      source: { account: BUILDERS, region: 'us-east-1', images: { tags: { app: 'web' } }, newest: 100 },
      regions: [{ name: 'us-east-1' }],
      accounts: undefined,
      mode: 'Plan',
    };
    const seed = { seed: 5, accounts: { [BUILDERS]: { 'us-east-1': { images } } } };
    const world = begin([policy(spec)], { seed, accounts: [account(BUILDERS)] });
    const controller = world.launch();
    await world.until('it is planned', () => world.condition('web', 'Ready') !== undefined);
    const readings = await scrape(controller);
    const waited = sum(readings, 'amifleet_aws_budget_wait_seconds_sum');
    expect(waited).toBeGreaterThan(0.1);
    const count = sum(readings, 'amifleet_aws_budget_wait_seconds_count');
    const atOnce = sum(readings, 'amifleet_aws_budget_wait_seconds_bucket', { le: 0 });
    expect(count - atOnce).toBeGreaterThanOrEqual(10);
  });

  it('no code that only this one answer has', async () => {
    const world = begin([policy()]);
    world.aws.setFaults([{ action: 'CopyImage', nth: 1, times: 1, kind: 'error-Invented.Code7' }]);
    const controller = world.launch();
    await world.untilReady('web', HOUR);
    const codes = new Set(
      seriesOf(await scrape(controller), 'amifleet_aws_calls_total').map(({ labels }) => labels['code']),
    );
    expect(codes).toContain('Other');
    expect(codes).not.toContain('Invented.Code7');
  });

  it('passes that wait in line, run and fail, where the API server does not answer', async () => {
    const world = begin(Array.from({ length: 12 }, (_, index) => policy({ accounts: undefined }, `web-${index}`)));
    world.kube.setFaults([{ kind: 'silent-before', verb: 'patch', resource: 'amipolicies', times: 12 }]);
    const controller = world.launch();
    await world.until('passes wait', () => (controller.metrics.parts?.queues.amipolicy.metrics().depth.high ?? 0) > 0);
    await world.rest(10_000);
    const during = await scrape(controller);
    const name = 'amipolicy';
    expect(sum(during, 'workqueue_depth', { name, priority: 'high' })).toBeGreaterThan(0);
    expect(sum(during, 'controller_runtime_active_workers', { controller: name })).toBe(8);
    const longest = sum(during, 'workqueue_longest_running_processor_seconds', { name });
    expect(longest).toBeGreaterThanOrEqual(10);
    expect(sum(during, 'workqueue_unfinished_work_seconds', { name })).toBeGreaterThan(longest);
    await world.rest(10 * MINUTE);
    const after = await scrape(controller);
    const errors = sum(after, 'controller_runtime_reconcile_errors_total', { controller: name });
    expect(errors).toBeGreaterThanOrEqual(8);
    expect(sum(after, 'controller_runtime_reconcile_total', { controller: name, result: 'error' })).toBe(errors);
    expect(sum(after, 'workqueue_retries_total', { name })).toBe(errors);
    expect(sum(after, 'workqueue_queue_duration_seconds_sum', { name })).toBeGreaterThan(0);
    expect(sum(after, 'rest_client_requests_total', { method: 'PATCH', code: '<error>' })).toBeGreaterThanOrEqual(8);
  });

  it('which account cannot be used', async () => {
    const world = begin([policy()]);
    world.aws.setFaults([{ action: 'AssumeRole', nth: 1, times: 1000, kind: 'error-AccessDenied' }]);
    const controller = world.launch();
    const ready = async (account: string): Promise<number> =>
      sum(await scrape(controller), 'amifleet_account_ready', { account });
    await world.rest(MINUTE);
    expect([await ready(BUILDERS), await ready(PRODUCTION)]).toEqual([1, 0]);
    world.aws.setFaults([]);
    await world.rest(HOUR);
    expect([await ready(BUILDERS), await ready(PRODUCTION)]).toEqual([1, 1]);
  });

  it('what is held back, by reason', async () => {
    const world = begin([policy({ regions: [{ name: 'us-east-1' }, { name: 'ap-east-1' }], accounts: undefined })]);
    const controller = world.launch();
    await world.until('it is said', () => world.condition('web', 'Ready')?.reason === 'RegionNotEnabled');
    expect(sum(await scrape(controller), 'amifleet_blocked', { reason: 'RegionNotEnabled' })).toBe(1);
  });

  it('a watch that cannot be had: its age grows, and the replica is not ready until it is there again', async () => {
    const world = begin([policy({ accounts: undefined })]);
    const controller = world.launch();
    await world.untilReady('web');
    expect(controller.unready()).toBeUndefined();
    world.kube.setFaults([
      { kind: 'server-error', verb: 'watch', times: 1e6 },
      { kind: 'server-error', verb: 'list', times: 1e6 },
    ]);
    // Watches that are open stay so, for ten minutes at most.
    await world.rest(15 * MINUTE);
    const during = await scrape(controller);
    expect(sum(during, 'amifleet_watch_age_seconds', { controller: 'amipolicy' })).toBeGreaterThan(180);
    expect(sum(during, 'amifleet_watch_restarts_total', { cause: 'failed' })).toBeGreaterThan(5);
    expect(sum(during, 'amifleet_watch_restarts_total', { cause: 'ended' })).toBeGreaterThanOrEqual(2);
    expect(sum(during, 'rest_client_requests_total', { method: 'GET', code: '500' })).toBeGreaterThan(5);
    expect(controller.unready()).toMatch(
      /^the cache of amipolicy is stale: the API server was last heard of \d+ s ago/,
    );
    world.kube.setFaults([]);
    await world.rest(MINUTE);
    expect(controller.unready()).toBeUndefined();
    expect(sum(await scrape(controller), 'amifleet_watch_age_seconds', { controller: 'amipolicy' })).toBeLessThan(61);
  });
});

describe('of two replicas with one lease, a scrape shows', () => {
  it('which one works; the other is ready, too, and does not count the fleet a second time', async () => {
    const world = begin([policy({ sharing: { accounts: [CONSUMER] } })]);
    const replicas: Launched[] = [world.launch({ identity: 'a' }), world.launch({ identity: 'b' })];
    await world.untilReady('web');
    const readings: (readonly Reading[])[] = [];
    for (const replica of replicas) readings.push(await scrape(replica));
    const status = (each: readonly Reading[]): number => sum(each, 'leader_election_master_status');
    expect(readings.map(status).toSorted((left, right) => left - right)).toEqual([0, 1]);
    expect(replicas.map((replica) => replica.unready())).toEqual([undefined, undefined]);
    const standby = readings.find((each) => status(each) === 0) ?? [];
    for (const name of ['amifleet_policy_ready', 'amifleet_policy_conditions', 'amifleet_images_managed'])
      expect(seriesOf(standby, name)).toEqual([]);
    const leader = readings.find((each) => status(each) === 1) ?? [];
    expect(sum(leader, 'amifleet_policy_ready')).toBe(1);
  });
});
