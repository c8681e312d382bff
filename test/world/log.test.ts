import { describe, expect, it } from 'vitest';
import { BUILDERS, CONSUMER, policy } from './documents.ts';
import { begin } from './scene.ts';
import { HOUR, type LogLine, MINUTE } from './world.ts';

const EXTERNAL_ID = 'amifleet-prod';
const TOKEN = 'IQoJb3JpZ2luX2VjEJj3wPqRsTuVwXyZ0123456789';
/** What AWS may quote in an answer. */
const quoting = (what: string): string => `cannot do this with ${what} and AKIAIOSFODNN7EXAMPLE, token ${TOKEN}==`;

/** A world in which much goes wrong, and AWS says it with secrets; all that a controller logs of it, and tells elsewhere. */
async function run(): Promise<{ readonly log: readonly LogLine[]; readonly told: string }> {
  const world = begin([
    policy({ retention: { keepNewest: 1, deleteAfterDays: 0, minUnusedDays: 0 } }),
    policy({ source: { account: CONSUMER, region: 'us-east-1', images: { names: ['x'] } } }, 'unreachable'),
  ]);
  world.aws.setFaults([
    { action: 'AssumeRole', nth: 1, times: 2, kind: 'error-AccessDenied', message: quoting(EXTERNAL_ID) },
    { action: 'AssumeRole', nth: 3, times: 2, kind: 'error-InvalidParameterValue', message: quoting(EXTERNAL_ID) },
    { action: 'CopyImage', nth: 1, times: 1, kind: 'error-InvalidRequest', message: quoting('this image') },
    { action: 'DescribeImages', nth: 3, times: 2, kind: 'error-ExpiredToken', message: quoting('the token') },
    { action: 'CreateTags', nth: 1, times: 1, kind: 'timeout-after' },
  ]);
  const controller = world.launch({ logLevel: 'debug' });
  await world.untilReady('web', 6 * HOUR);
  world.release(BUILDERS, 'us-east-1', 'web-4', { app: 'web', release: 'stable' });
  world.kube.setFaults([{ kind: 'server-error', verb: 'patch', times: 5 }]);
  await world.rest(4 * HOUR);
  const read = (url: string): unknown => world.kube.handle({ method: 'GET', url });
  const told = [
    ...['web', 'unreachable'].map((name) => world.policy(name)?.status),
    read('/apis/events.k8s.io/v1/namespaces/platform/events'),
    await controller.metrics.registry.metrics(),
  ];
  return { log: controller.log(), told: JSON.stringify(told) };
}

const SECRETS = [EXTERNAL_ID, TOKEN, 'AKIA', 'ASIA', 'secret-', 'session-', 'IQoJ'];

describe('the log of a controller', () => {
  const ran = run();

  it('holds no credential and no external id, whatever AWS quotes; status, events and metrics neither', async () => {
    const { log, told } = await ran;
    const text = JSON.stringify(log);
    // The faults were met, and said.
    for (const met of ['AssumeRoleFailed', 'InvalidRequest', 'Timeout', '<access key>']) expect(text).toContain(met);
    for (const secret of SECRETS) expect(text).not.toContain(secret);
    for (const met of ['InvalidRequest', 'NoAwsAccount', '<access key>']) expect(told).toContain(met);
    for (const secret of SECRETS) expect(told).not.toContain(secret);
  });

  it('names the pass on every line of it, and the policy or account that it is of', async () => {
    const { log: lines } = await ran;
    const passes = Map.groupBy(
      lines.filter(({ pass }) => pass !== undefined),
      ({ pass }) => String(pass),
    );
    expect(passes.size).toBeGreaterThan(20);
    for (const [pass, own] of passes) {
      expect(pass).toMatch(/^[0-9a-f]{8}$/);
      expect(new Set(own.map(({ policy, account }) => policy ?? account)).size).toBe(1);
    }
    const withoutPass = lines.filter(({ pass, msg }) => pass === undefined && msg !== 'called AWS');
    expect(new Set(withoutPass.map(({ msg }) => msg))).toEqual(new Set(['controller is ready']));
  });

  it('has one end for each pass over a policy', async () => {
    const { log: lines } = await ran;
    const ends = lines.filter(({ msg }) => msg === 'pass ended');
    expect(ends.length).toBeGreaterThan(10);
    const passes = new Set(ends.map(({ pass }) => pass));
    expect(passes.size).toBe(ends.length);
    // A status that cannot be written fails the pass after its end was said.
    const failed = lines.filter(({ msg }) => msg.startsWith('pass failed'));
    expect(failed.length).toBeGreaterThan(0);
    for (const { err } of failed) expect(err).toMatch(/500|Internal/);
  });
});

it('at its usual level the log of a policy at rest is one line a pass', async () => {
  const world = begin([policy()]);
  const controller = world.launch();
  await world.untilReady('web');
  await world.rest(10 * MINUTE);
  const before = controller.log().length;
  await world.rest(30 * MINUTE);
  const more = controller.log().slice(before);
  expect(new Set(more.map(({ msg }) => msg))).toEqual(new Set(['pass ended']));
  expect(more.length).toBeLessThanOrEqual(7);
});
