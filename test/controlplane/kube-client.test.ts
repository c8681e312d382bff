import * as fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/ambient/clock.ts';
import { seededRandom, systemRandom, uuid } from '../../src/ambient/random.ts';
import { VirtualClock } from '../../src/ambient/virtual-clock.ts';
import type { AmiPolicy } from '../../src/api/ami-policy.ts';
import { CONDITION_TYPES, conditionsFrom } from '../../src/api/conditions.ts';
import { API_VERSION, FINALIZER } from '../../src/api/group.ts';
import type { PolicyStatus } from '../../src/api/policy-status.ts';
import { isConflict, isGone, isNotFound } from '../../src/kube/errors.ts';
import { EventRecorder } from '../../src/kube/event-recorder.ts';
import { ensureFinalizer, removeFinalizer } from '../../src/kube/finalizer.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { Reflector } from '../../src/kube/reflector.ts';
import { ResourceClient } from '../../src/kube/resource-client.ts';
import { writeStatus } from '../../src/kube/status-writer.ts';
import type { Transport } from '../../src/kube/transport.ts';
import { policyClient } from './policy-client.ts';
import { describeOnControlPlane } from './suite.ts';

type Policy = AmiPolicy & KubeObject;

const NAMESPACE = 'kube-client';
const NOW = '2026-11-21T10:00:00Z';

describeOnControlPlane('our client of the Kubernetes API on a real API server', (plane) => {
  let transport: Transport;
  let client: ResourceClient<Policy>;
  let policy: Policy;

  beforeAll(async () => {
    ({ transport, client } = await policyClient<Policy>(plane(), NAMESPACE));
  });

  afterAll(() => transport?.close());

  const manifest = (name: string): Policy =>
    ({
      metadata: { name, namespace: NAMESPACE },
      spec: {
        source: { account: '111122223333', region: 'us-east-1', images: { names: ['web-*'] } },
        regions: [{ name: 'eu-west-1' }],
      },
    }) as unknown as Policy;

  beforeEach(async () => {
    policy = await client.create(manifest(`policy-${uuid(systemRandom).slice(0, 8)}`));
  });

  const live = (): Promise<Policy> => client.get(policy.metadata.name, NAMESPACE);

  it('lists page by page, and the items say what they are', async () => {
    const before = await client.list({ namespace: NAMESPACE, labelSelector: 'set=paging' });
    expect(before.items).toEqual([]);
    for (let i = 0; i < 5; i++) {
      const labels = { set: 'paging' };
      const { metadata, ...rest } = manifest(`page-${i}`);
      await client.create({ ...rest, metadata: { ...metadata, labels } });
    }
    const { items, resourceVersion } = await client.list({
      namespace: NAMESPACE,
      labelSelector: 'set=paging',
      limit: 2,
    });
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['page-0', 'page-1', 'page-2', 'page-3', 'page-4']);
    expect(items.every(({ kind }) => kind === 'AmiPolicy')).toBe(true);
    expect(Number(resourceVersion)).toBeGreaterThan(0);
  });

  it('a watch from a version that is long gone is Gone, which tells a reflector to list', async () => {
    const read = async (): Promise<void> => {
      const events = await client.watch({ namespace: NAMESPACE, resourceVersion: '1', timeoutSeconds: 5 });
      for await (const _ of events) throw new Error('the server still knows the beginning');
    };
    await expect(read()).rejects.toSatisfy(isGone);
  });

  it('a reflector follows what happens', async () => {
    const reflector = new Reflector(client, { clock: systemClock, random: systemRandom, namespace: NAMESPACE });
    const seen: string[] = [];
    const name = `followed-${uuid(systemRandom).slice(0, 8)}`;
    const deleted = Promise.withResolvers<void>();
    reflector.onChange(({ kind, object }) => {
      if (object.metadata.name !== name) return;
      seen.push(kind);
      if (kind === 'deleted') deleted.resolve();
    });
    reflector.start();
    await reflector.synced;
    await client.create(manifest(name));
    await client.patch(name, NAMESPACE, { spec: { suspend: true } });
    await client.delete(name, NAMESPACE);
    await deleted.promise;
    await reflector.stop();
    expect(seen).toEqual(['added', 'updated', 'deleted']);
  });

  it('a status that was written is not written again, in whatever order conditions come and go', async () => {
    const findings = fc.subarray([...CONDITION_TYPES], { minLength: 1 }).chain((types) =>
      fc.record({
        types: fc.constant(types),
        day: fc.subarray(['ami-0c', 'ami-0a', 'ami-0d', 'ami-0b']),
        count: fc.nat(3),
      }),
    );
    const statuses = fc.sample(findings, { numRuns: 40, seed: 7 });
    let now = policy;
    for (const { types, day, count } of statuses) {
      const status: PolicyStatus = {
        observedGeneration: 1,
        versionCount: count,
        deletions: { day: '2026-11-21', versions: day },
        conditions: conditionsFrom(
          types.map((type) => ({ type, status: 'True', reason: 'AsTold', message: `${count}` })),
          now.status?.conditions ?? [],
          1,
          NOW,
        ),
      };
      const written = await writeStatus(client, now, status);
      now = await live();
      expect(now).toEqual(written);
      // Another client has no memory of what was written: what the server shows must be enough.
      const stranger = new ResourceClient<Policy>(transport, client.kind);
      expect(now.status).toEqual(status);
      await writeStatus(stranger, now, status);
      expect((await live()).metadata.resourceVersion).toBe(now.metadata.resourceVersion);
    }
  });

  it('what we no longer say goes from the status, and what others say stays', async () => {
    const theirs = { type: 'Audited', status: 'True', reason: 'Fine', message: '', lastTransitionTime: NOW };
    await client.applyStatus(
      { metadata: { name: policy.metadata.name, namespace: NAMESPACE }, status: { conditions: [theirs] } },
      { fieldManager: 'auditor' },
    );
    const say = (versionCount: number | undefined): PolicyStatus =>
      JSON.parse(JSON.stringify({ observedGeneration: 1, versionCount })) as PolicyStatus;
    await writeStatus(client, await live(), say(3));
    expect((await live()).status).toEqual({ ...say(3), conditions: [theirs] });
    await writeStatus(client, await live(), say(undefined));
    const settled = await live();
    expect(settled.status).toEqual({ ...say(undefined), conditions: [theirs] });
    await writeStatus(client, settled, say(undefined));
    expect((await live()).metadata.resourceVersion).toBe(settled.metadata.resourceVersion);
  });

  it('an object that is gone gets no status, nor does another one that has its name by now', async () => {
    await client.delete(policy.metadata.name, NAMESPACE, { uid: policy.metadata.uid });
    expect(await writeStatus(client, policy, { observedGeneration: 1 })).toBeUndefined();
    await client.create(manifest(policy.metadata.name));
    expect(await writeStatus(client, policy, { observedGeneration: 1 })).toBeUndefined();
    expect((await live()).status).toEqual({ observedGeneration: -1 });
  });

  it('a finalizer holds the object until it is taken off, and those of others stay', async () => {
    await client.patch(policy.metadata.name, NAMESPACE, { metadata: { finalizers: ['example.com/other'] } });
    // Stale by now, so that the first try is a conflict.
    const marked = await ensureFinalizer(client, policy, FINALIZER);
    expect(marked?.metadata.finalizers).toEqual(['example.com/other', FINALIZER]);
    await client.delete(policy.metadata.name, NAMESPACE);
    const going = await live();
    expect(going.metadata.deletionTimestamp).toBeDefined();
    // Stale again.
    await removeFinalizer(client, marked!, FINALIZER);
    expect((await live()).metadata.finalizers).toEqual(['example.com/other']);
    expect(await ensureFinalizer(client, await live(), FINALIZER)).toBeUndefined();
    await removeFinalizer(client, await live(), 'example.com/other');
    await expect(live()).rejects.toSatisfy(isNotFound);
    await removeFinalizer(client, going, FINALIZER);
  });

  it('deleting with the UID of another object is a conflict', async () => {
    await expect(client.delete(policy.metadata.name, NAMESPACE, { uid: 'another' })).rejects.toSatisfy(isConflict);
    expect(await live()).toBeDefined();
  });

  describe('events', () => {
    it('are taken, with notes of 1 kB, a count, and times of six digits, and kubectl describes them', async () => {
      const clock = new VirtualClock(Date.now());
      const troubles: unknown[] = [];
      const recorder = new EventRecorder(transport, {
        clock,
        random: seededRandom(Date.now() % 1_000_000),
        component: 'amifleet.io/controller',
        onTrouble: (error) => troubles.push(String(error)),
      });
      const { name, namespace, uid, resourceVersion } = policy.metadata;
      const subject = { apiVersion: API_VERSION, kind: 'AmiPolicy', name, namespace, uid, resourceVersion };
      const content = { type: 'Warning', reason: 'CopyFailed', action: 'CopyImage', note: 'é'.repeat(2_000) } as const;
      recorder.record(subject, content);
      recorder.record(subject, content);
      recorder.record(subject, { ...content, type: 'Normal', reason: 'Copied', note: 'ami-1 in eu-west-1' });
      await recorder.stop();
      expect(troubles).toEqual([]);
      const described = await plane().kubectl(['describe', 'amipolicy', name, '-n', NAMESPACE]);
      expect(described.stdout).toMatch(/Warning +CopyFailed/);
      expect(described.stdout).toMatch(/Normal +Copied +.*ami-1 in eu-west-1/);
      const listed = await plane().kubectl(['get', 'events.events.k8s.io', '-n', NAMESPACE, '-o', 'json']);
      const { items } = JSON.parse(listed.stdout) as {
        items: { regarding: { uid: string }; reason: string; series?: { count: number } }[];
      };
      const ours = items.filter(({ regarding }) => regarding.uid === uid);
      expect(ours).toHaveLength(2);
      expect(ours.find(({ reason }) => reason === 'CopyFailed')).toMatchObject({ series: { count: 2 } });
    });
  });
});
