import { APPLY, type ConformanceCase, JSON_PATCH, MERGE, policy, STRATEGIC } from '../case.ts';

const FINALIZER = 'amifleet.io/images';

export const WRITES: readonly ConformanceCase[] = [
  {
    name: 'a policy is created with defaults, generation 1 and an owner for each field',
    run: async (s) => {
      await s.send('POST', s.policies, { body: policy('a', { status: { observedGeneration: 7 } }) });
      await s.send('GET', `${s.policies}/a`);
    },
  },
  {
    name: 'a name that is taken is refused, and one that is not there is not found',
    run: async (s) => {
      await s.send('POST', s.policies, { body: policy('a') });
      await s.send('POST', s.policies, { body: policy('a') });
      await s.send('GET', `${s.policies}/b`);
      await s.send('DELETE', `${s.policies}/b`);
      await s.send('PUT', `${s.policies}/b`, { body: policy('b', { metadata: { resourceVersion: '1' } }) });
      await s.send('PATCH', `${s.policies}/b`, { body: {}, type: MERGE });
    },
  },
  {
    name: 'names, labels and finalizers that break the rules are refused',
    run: async (s) => {
      await s.send('POST', s.policies, { body: policy('A_b') });
      await s.send('POST', s.policies, { body: policy(undefined) });
      await s.send('POST', s.policies, { body: policy('a', { metadata: { labels: { 'a b': 'x y' } } }) });
      await s.send('POST', s.policies, { body: policy('a', { metadata: { finalizers: ['a b'] } }) });
      await s.send('POST', s.policies, { body: policy('a', { metadata: { annotations: { '/a': '' } } }) });
      await s.send('POST', s.policies, { body: policy('a', { metadata: { name: 'x'.repeat(254) } }) });
    },
  },
  {
    name: 'a name is made from generateName',
    run: async (s) => {
      await s.sendFor(
        ({ metadata: { name, generateName } }) => [name?.length, name?.startsWith('gen-'), generateName],
        'POST',
        s.policies,
        { body: policy(undefined, { metadata: { generateName: 'gen-' } }) },
      );
    },
  },
  {
    name: 'what contradicts the path is refused',
    run: async (s) => {
      await s.send('POST', s.policies, { body: policy('a', { metadata: { namespace: 'other' } }) });
      await s.send('POST', s.policies, { body: policy('a', { kind: 'AwsAccount' }) });
      const other = { body: policy('a', { apiVersion: 'amifleet.io/v2' }) };
      await s.send('POST', `${s.policies}?fieldValidation=Ignore`, other);
      await s.send('POST', s.policies, { body: policy('a', { metadata: { resourceVersion: '5' } }) });
      await s.send('POST', s.policies.replace(s.namespace, 'no-such-namespace'), { body: policy('a') });
      await s.send('POST', s.policies, { body: policy('a') });
      await s.send('PUT', `${s.policies}/a`, { body: policy('b', { metadata: { resourceVersion: '5' } }) });
      await s.send('PATCH', `${s.policies}/a`, { body: { metadata: { name: 'b' } }, type: MERGE });
    },
  },
  {
    name: 'a body that cannot be read is refused',
    run: async (s) => {
      const status = ({ code, reason, kind }: { [field: string]: unknown }): unknown => [kind, code, reason];
      await s.sendFor(status, 'POST', s.policies, { body: '{' });
      await s.sendFor(status, 'POST', s.policies, { body: '[]' });
      await s.send('POST', s.policies, { body: 'a=b', type: 'application/x-www-form-urlencoded' });
      await s.sendFor(status, 'POST', s.policies, { body: { spec: {} } });
    },
  },
  {
    name: 'an update needs the current version, bumps the generation on a change of the spec only, and leaves the status',
    run: async (s) => {
      const created = await s.send('POST', s.policies, { body: policy('a') });
      await s.send('PUT', `${s.policies}/a`, { body: policy('a') });
      const before = policy('a', { metadata: { resourceVersion: created.metadata['resourceVersion'] } });
      // The default of the status, which the first write did not store, makes this one a change.
      const again = await s.send('PUT', `${s.policies}/a`, { body: before });
      const { resourceVersion } = again.metadata;
      await s.send('PUT', `${s.policies}/a`, { body: policy('a', { metadata: { resourceVersion } }) });
      const labelled = await s.send('PUT', `${s.policies}/a`, {
        body: policy('a', { metadata: { resourceVersion, labels: { a: 'b' } }, status: { observedGeneration: 7 } }),
      });
      await s.send('PUT', `${s.policies}/a`, { body: policy('a', { metadata: { resourceVersion } }) });
      const changes = { metadata: { resourceVersion: labelled.metadata['resourceVersion'] }, spec: { suspend: true } };
      await s.send('PUT', `${s.policies}/a`, { body: policy('a', changes) });
    },
  },
  {
    name: 'an update of another UID is a conflict',
    run: async (s) => {
      const { metadata } = await s.send('POST', s.policies, { body: policy('a') });
      const { resourceVersion } = metadata;
      const uid = '00000000-0000-4000-8000-000000000000';
      await s.send('PUT', `${s.policies}/a`, { body: policy('a', { metadata: { resourceVersion, uid } }) });
      await s.send('PATCH', `${s.policies}/a`, { body: { metadata: { uid } }, type: MERGE });
      await s.send('DELETE', `${s.policies}/a`, { body: { preconditions: { uid } } });
    },
  },
  {
    name: 'a merge patch merges, takes away on null, and changes nothing when it says what is so',
    run: async (s) => {
      await s.send('POST', s.policies, { body: policy('a', { metadata: { labels: { a: '1', b: '2' } } }) });
      await s.send('PATCH', `${s.policies}/a`, { body: { metadata: { labels: { a: null, c: '3' } } }, type: MERGE });
      await s.send('PATCH', `${s.policies}/a`, { body: { spec: { suspend: false } }, type: MERGE });
      await s.send('PATCH', `${s.policies}/a`, { body: { spec: { suspend: null, mode: 'Plan' } }, type: MERGE });
      await s.send('PATCH', `${s.policies}/a`, { body: { status: { observedGeneration: 7 } }, type: MERGE });
      await s.send('PATCH', `${s.policies}/a`, { body: { metadata: { resourceVersion: '1' } }, type: MERGE });
    },
  },
  {
    name: 'a JSON patch runs in order and fails as a whole',
    run: async (s) => {
      await s.send('POST', s.policies, { body: policy('a') });
      const patch = (body: unknown): Promise<unknown> => s.send('PATCH', `${s.policies}/a`, { body, type: JSON_PATCH });
      await patch([
        { op: 'test', path: '/spec/regions/0/name', value: 'us-east-1' },
        { op: 'add', path: '/spec/regions/-', value: { name: 'eu-west-1' } },
        { op: 'replace', path: '/spec/suspend', value: true },
      ]);
      await patch([{ op: 'remove', path: '/spec/regions/0' }]);
      await patch([{ op: 'test', path: '/spec/suspend', value: false }]);
      await patch([{ op: 'remove', path: '/spec/nothing' }]);
      await patch([{ op: 'replace', path: '/spec/no/thing', value: 1 }]);
    },
  },
  {
    name: 'a kind of patch that is not served is refused',
    run: async (s) => {
      await s.send('POST', s.policies, { body: policy('a') });
      await s.send('PATCH', `${s.policies}/a`, { body: {}, type: STRATEGIC });
      await s.send('PATCH', `${s.policies}/a?force=true`, { body: {}, type: MERGE });
      await s.send('PATCH', `${s.policies}/a`, { body: policy('a'), type: APPLY });
    },
  },
  {
    name: 'a dry run answers as if, and writes nothing',
    run: async (s) => {
      await s.sendFor(({ spec }) => spec, 'POST', `${s.policies}?dryRun=All`, { body: policy('a') });
      await s.send('GET', `${s.policies}/a`);
      await s.send('POST', s.policies, { body: policy('a') });
      await s.sendFor(({ spec }) => spec, 'PATCH', `${s.policies}/a?dryRun=All`, {
        body: { spec: { suspend: true } },
        type: MERGE,
      });
      await s.send('DELETE', `${s.policies}/a?dryRun=All`);
      await s.send('GET', `${s.policies}/a`);
      await s.send('DELETE', `${s.policies}/a?dryRun=Some`);
      await s.send('POST', `${s.policies}?dryRun=Some`, { body: policy('b') });
    },
  },
  {
    name: 'unknown fields are refused, warned of or dropped, as is asked',
    run: async (s) => {
      const odd = { spec: { colour: 'red', regions: [{ name: 'us-east-1', size: 1 }] }, metadata: { shape: 'round' } };
      await s.send('POST', `${s.policies}?fieldValidation=Strict`, { body: policy('a', odd) });
      await s.send('POST', `${s.policies}?fieldValidation=Warn`, { body: policy('a', odd) });
      await s.send('POST', `${s.policies}?fieldValidation=Ignore`, { body: policy('b', odd) });
      await s.send('POST', s.policies, { body: policy('c', { spec: { colour: 'red' } }) });
      await s.send('POST', `${s.policies}?fieldValidation=Perhaps`, { body: policy('d') });
    },
  },
  {
    name: 'the status is written on its own, and nothing else with it',
    run: async (s) => {
      const { metadata } = await s.send('POST', s.policies, { body: policy('a') });
      const { resourceVersion } = metadata;
      const changes = {
        metadata: { resourceVersion, labels: { a: 'b' } },
        spec: { suspend: true },
        status: { observedGeneration: 1 },
      };
      await s.send('PUT', `${s.policies}/a/status`, { body: policy('a', changes) });
      await s.send('PATCH', `${s.policies}/a/status`, {
        body: { metadata: { labels: { c: 'd' } }, spec: { suspend: true }, status: { observedGeneration: 2 } },
        type: MERGE,
      });
      await s.send('GET', `${s.policies}/a/status`);
      await s.send('PATCH', `${s.policies}/a/status`, { body: { status: { observedGeneration: 'x' } }, type: MERGE });
      await s.send('POST', `${s.policies}/a/status`, { body: policy('a') });
      await s.send('GET', `/apis/amifleet.io/v1alpha1/awsaccounts/${s.account}/status`);
    },
  },
  {
    name: 'a deletion waits for finalizers, takes no new ones, and ends with the last',
    run: async (s) => {
      await s.send('POST', s.policies, { body: policy('a', { metadata: { finalizers: [FINALIZER] } }) });
      await s.send('DELETE', `${s.policies}/a`);
      await s.send('DELETE', `${s.policies}/a`);
      const patch = (finalizers: readonly string[]): Promise<unknown> =>
        s.send('PATCH', `${s.policies}/a`, { body: { metadata: { finalizers } }, type: MERGE });
      await patch([FINALIZER, 'amifleet.io/more']);
      await s.send('PATCH', `${s.policies}/a`, { body: { metadata: { deletionTimestamp: null } }, type: MERGE });
      await patch([]);
      await s.send('GET', `${s.policies}/a`);
    },
  },
  {
    name: 'a deletion without finalizers is done at once, if its preconditions hold',
    run: async (s) => {
      const { metadata } = await s.send('POST', s.policies, { body: policy('a') });
      await s.sendFor(({ code, reason, details }) => [code, reason, details], 'DELETE', `${s.policies}/a`, {
        body: { preconditions: { resourceVersion: '1' } },
      });
      await s.send('DELETE', `${s.policies}/a`, { body: { preconditions: { uid: metadata['uid'] } } });
      await s.send('POST', s.policies, { body: policy('b') });
      await s.sendFor(({ kind }) => kind, 'DELETE', s.policies);
      await s.sendFor(({ items }) => items, 'GET', s.policies);
    },
  },
  {
    name: 'paths that mean nothing are not found',
    run: async (s) => {
      await s.send('GET', '/apis/amifleet.io/v1alpha1/nothing');
      await s.send('GET', '/apis/amifleet.io/v2/amipolicies');
      await s.send('GET', '/apis/nothing.example');
    },
  },
];
