import { beforeEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/ambient/random.ts';
import { VirtualClock } from '../../src/ambient/virtual-clock.ts';
import type { AmiPolicy } from '../../src/api/ami-policy.ts';
import type { AwsAccount } from '../../src/api/aws-account.ts';
import { AMI_POLICY, AWS_ACCOUNT, FINALIZER, GROUP, VERSION } from '../../src/api/group.ts';
import { KubePolicyStore } from '../../src/controller/kube-policy-store.ts';
import { EventRecorder } from '../../src/kube/event-recorder.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { Reflector } from '../../src/kube/reflector.ts';
import { ResourceClient } from '../../src/kube/resource-client.ts';
import { ObjectApi } from '../kube/object-api.ts';

const PATH = `/apis/${GROUP}/${VERSION}/namespaces/platform/${AMI_POLICY.plural}/web-base`;

let api: ObjectApi;
let store: KubePolicyStore;

beforeEach(() => {
  api = new ObjectApi();
  const ambient = { clock: new VirtualClock(0), random: seededRandom(1) };
  const policies = new ResourceClient<AmiPolicy & KubeObject>(api, { group: GROUP, version: VERSION, ...AMI_POLICY });
  const accounts = new ResourceClient<AwsAccount & KubeObject>(api, { group: GROUP, version: VERSION, ...AWS_ACCOUNT });
  store = new KubePolicyStore({
    policies,
    accounts,
    policyView: new Reflector(policies, ambient),
    accountView: new Reflector(accounts, ambient),
    recorder: new EventRecorder(api, { ...ambient, component: 'test' }),
  });
});

const there = (metadata: Readonly<Record<string, unknown>> = {}): AmiPolicy =>
  api.put(PATH, { metadata, spec: {} }) as unknown as AmiPolicy;

describe('before anything is begun in AWS', () => {
  it('the policy has our finalizer', async () => {
    await store.ensureFinalizer(there());
    expect(api.get(PATH)?.metadata.finalizers).toEqual([FINALIZER]);
  });

  it.each<[string, () => void]>([
    ['is gone', () => api.remove(PATH)],
    [
      'is on its way out',
      () => there({ finalizers: ['example.com/other'], deletionTimestamp: '2026-01-01T00:00:00Z' }),
    ],
    [
      'was deleted and made anew',
      () => {
        api.remove(PATH);
        there();
      },
    ],
  ])('a policy that %s by now stops the pass: nothing would ever undo what it does', async (_, happens) => {
    const cached = there();
    happens();
    await expect(store.ensureFinalizer(cached)).rejects.toThrow('nothing is begun in AWS');
    expect(api.get(PATH)?.metadata.finalizers ?? []).not.toContain(FINALIZER);
  });
});
