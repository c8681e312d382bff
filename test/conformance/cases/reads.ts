import { type ConformanceCase, MERGE, policy, STRATEGIC, TABLE } from '../case.ts';
import type { Document, Session } from '../session.ts';

const names = ({ items, metadata, kind, apiVersion }: Document): unknown => ({
  kind,
  apiVersion,
  items: (items as readonly Document[] | undefined)?.map((item) => item.metadata['name']),
  left: (metadata as Document['metadata'] | undefined)?.['remainingItemCount'],
  continues: ((metadata as Document['metadata'] | undefined)?.['continue'] || undefined) !== undefined,
});

async function make(s: Session, ...made: readonly (readonly [string, object])[]): Promise<Document | undefined> {
  let last: Document | undefined;
  for (const [name, labels] of made) {
    last = await s.sendFor(() => 'made', 'POST', s.policies, { body: policy(name, { metadata: { labels } }) });
  }
  return last;
}

const THREE = [
  ['a', { app: 'web', tier: 'x' }],
  ['b', { app: 'db' }],
  ['c', { app: 'web' }],
] as const;

const event = (s: Session, name: string): object => ({
  apiVersion: 'events.k8s.io/v1',
  kind: 'Event',
  metadata: { name, namespace: s.namespace },
  eventTime: '2026-01-01T00:00:00.000000Z',
  reportingController: 'amifleet',
  reportingInstance: 'amifleet-0',
  type: 'Normal',
  reason: 'Copied',
  action: 'CopyImage',
  note: `a copy of ${name}`,
  regarding: { apiVersion: 'amifleet.io/v1alpha1', kind: 'AmiPolicy', name, namespace: s.namespace, uid: 'u-1' },
});

export const READS: readonly ConformanceCase[] = [
  {
    name: 'a list is whole, of one namespace and sorted by name',
    run: async (s) => {
      await s.send('GET', s.policies);
      await make(s, ...THREE.toReversed());
      await s.sendFor(names, 'GET', s.policies);
      await s.send('GET', `${s.policies}?fieldSelector=metadata.name%3Db`);
    },
  },
  {
    name: 'label selectors select',
    run: async (s) => {
      await make(s, ...THREE);
      const selectors = [
        'app=web',
        'app==web,tier=x',
        'app!=web',
        'tier',
        '!tier',
        'app in (web,db)',
        'app notin (web)',
        'tier=,app',
      ];
      for (const selector of selectors) {
        await s.sendFor(names, 'GET', `${s.policies}?labelSelector=${encodeURIComponent(selector)}`);
      }
      await s.sendFor(
        ({ code, reason }) => [code, reason],
        'GET',
        `${s.policies}?labelSelector=${encodeURIComponent('a in b')}`,
      );
    },
  },
  {
    name: 'field selectors select by name and namespace, and by nothing else',
    run: async (s) => {
      await make(s, ...THREE);
      for (const selector of ['metadata.name=b', 'metadata.name!=b', `metadata.namespace=${s.namespace}`]) {
        await s.sendFor(names, 'GET', `${s.policies}?fieldSelector=${encodeURIComponent(selector)}`);
      }
      await s.send('GET', `${s.policies}?fieldSelector=${encodeURIComponent('spec.mode=Plan')}`);
    },
  },
  {
    name: 'a list in pages is of one moment',
    run: async (s) => {
      await make(s, ...THREE);
      const first = await s.sendFor(names, 'GET', `${s.policies}?limit=1`);
      await s.sendFor(() => 'gone', 'DELETE', `${s.policies}/b`);
      const next = encodeURIComponent(first.metadata['continue'] ?? '');
      const second = await s.sendFor(names, 'GET', `${s.policies}?limit=1&continue=${next}`);
      await s.sendFor(names, 'GET', `${s.policies}?continue=${encodeURIComponent(second.metadata['continue'] ?? '')}`);
      await s.sendFor(({ code, reason }) => [code, reason], 'GET', `${s.policies}?limit=1&continue=nonsense`);
    },
  },
  {
    name: 'a watch from a version tells what changed since',
    run: async (s) => {
      const list = await s.sendFor(names, 'GET', s.policies);
      await make(s, ...THREE);
      await s.sendFor(() => 0, 'PATCH', `${s.policies}/a`, { body: { spec: { suspend: true } }, type: MERGE });
      await s.sendFor(() => 0, 'DELETE', `${s.policies}/b`);
      const from = `watch=true&resourceVersion=${list.metadata['resourceVersion']}`;
      await s.watch(`${s.policies}?${from}`, 5);
      await s.watch(`${s.policies}?${from}&fieldSelector=metadata.name%3Da`, 2);
    },
  },
  {
    name: 'a watch with a selector sees objects come and go',
    run: async (s) => {
      const list = await s.sendFor(names, 'GET', s.policies);
      await make(s, ['a', { app: 'web' }]);
      const label = (app: string): Promise<unknown> =>
        s.sendFor(() => 0, 'PATCH', `${s.policies}/a`, { body: { metadata: { labels: { app } } }, type: MERGE });
      await label('db');
      await label('web');
      const from = `watch=true&resourceVersion=${list.metadata['resourceVersion']}`;
      await s.watch(`${s.policies}?${from}&labelSelector=app%3Dweb`, 3);
    },
  },
  {
    name: 'a deletion that waited for a finalizer is told with the last state',
    run: async (s) => {
      const list = await s.sendFor(names, 'GET', s.policies);
      await s.sendFor(() => 0, 'POST', s.policies, { body: policy('a', { metadata: { finalizers: ['x.io/y'] } }) });
      await s.sendFor(() => 0, 'DELETE', `${s.policies}/a`);
      await s.send('PATCH', `${s.policies}/a`, { body: { metadata: { finalizers: null } }, type: MERGE });
      await s.watch(`${s.policies}?watch=true&resourceVersion=${list.metadata['resourceVersion']}`, 3);
    },
  },
  {
    name: 'a watch without a version begins with what there is, and ends in time',
    run: async (s) => {
      await make(s, ['a', {}], ['b', {}]);
      await s.watch(`${s.policies}?watch=true&timeoutSeconds=1`, 99);
      await s.watch(`${s.policies}?watch=true&resourceVersion=0`, 2);
    },
  },
  {
    name: 'a watch from a version that is too old is told so',
    run: async (s) => {
      await make(s, ['a', {}]);
      await s.watch(`${s.policies}?watch=true&resourceVersion=1`, 1);
    },
  },
  {
    name: 'a watch can begin with the list, marked by a bookmark',
    run: async (s) => {
      await make(s, ['a', {}]);
      const options = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
      await s.watch(`${s.policies}?watch=true&${options}`, 2);
    },
  },
  {
    name: 'a table has the columns of the definition',
    run: async (s) => {
      await make(s, ['a', {}]);
      const status = {
        observedGeneration: 1,
        versionCount: 3,
        targetsReady: '1/2',
        conditions: [
          {
            type: 'Ready',
            status: 'False',
            reason: 'Waiting',
            message: 'for b',
            lastTransitionTime: '2026-01-01T00:00:00Z',
          },
        ],
      };
      await s.sendFor(() => 0, 'PATCH', `${s.policies}/a/status`, { body: { status }, type: MERGE });
      await s.send('GET', s.policies, { accept: TABLE });
      await s.send('GET', `${s.policies}/a?includeObject=None`, { accept: TABLE });
      await s.send('GET', `${s.policies}?includeObject=Object`, { accept: TABLE });
      await s.watch(`${s.policies}?watch=true&resourceVersion=0`, 1, TABLE);
      await s.send('GET', `${s.policies}/b`, { accept: TABLE });
    },
  },
  {
    name: 'an account is a row of a table',
    run: async (s) => {
      const path = '/apis/amifleet.io/v1alpha1/awsaccounts';
      await s.send('POST', path, {
        body: {
          apiVersion: 'amifleet.io/v1alpha1',
          kind: 'AwsAccount',
          metadata: { name: s.account },
          spec: { namespaces: ['a', 'b'] },
        },
      });
      await s.send('GET', `${path}/${s.account}`, { accept: TABLE });
      await s.send('DELETE', `${path}/${s.account}`);
    },
  },
  {
    name: 'discovery of our group',
    run: async (s) => {
      await s.send('GET', '/apis/amifleet.io');
      await s.sendFor(
        ({ resources, ...rest }) => ({
          ...rest,
          resources: (resources as readonly object[]).map((one) => ({ ...one, storageVersionHash: undefined })),
        }),
        'GET',
        '/apis/amifleet.io/v1alpha1',
      );
      const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
      await s.sendFor(
        ({ items }) => (items as readonly Document[]).filter(({ metadata }) => metadata['name'] === 'amifleet.io'),
        'GET',
        '/apis',
        { accept },
      );
    },
  },
  {
    name: 'events are one, in two forms',
    run: async (s) => {
      const v1 = `/apis/events.k8s.io/v1/namespaces/${s.namespace}/events`;
      const core = `/api/v1/namespaces/${s.namespace}/events`;
      await s.send('POST', v1, { body: event(s, 'a') });
      await s.send('POST', v1, { body: event(s, 'b') });
      await s.send('GET', `${core}/a`);
      await s.sendFor(names, 'GET', `${core}?fieldSelector=involvedObject.name%3Da,involvedObject.kind%3DAmiPolicy`);
      await s.sendFor(names, 'GET', `${v1}?fieldSelector=regarding.name%3Db`);
      const series = { count: 2, lastObservedTime: '2026-01-01T00:00:01.000000Z' };
      await s.send('PATCH', `${v1}/a`, { body: { series }, type: MERGE });
      await s.send('DELETE', `${v1}/a`);
    },
  },
  {
    name: 'a lease is taken and renewed',
    run: async (s) => {
      const path = `/apis/coordination.k8s.io/v1/namespaces/${s.namespace}/leases`;
      const lease = (metadata: object, spec: object): object => ({
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name: 'x', ...metadata },
        spec: { holderIdentity: 'me', leaseDurationSeconds: 15, ...spec },
      });
      const time = '2026-01-01T00:00:00.000000Z';
      const made = await s.send('POST', path, { body: lease({}, { acquireTime: time, renewTime: time }) });
      const { resourceVersion } = made.metadata;
      await s.send('PUT', `${path}/x`, {
        body: lease({ resourceVersion }, { renewTime: '2026-01-01T00:00:05.000000Z' }),
      });
      await s.send('PUT', `${path}/x`, { body: lease({ resourceVersion }, { holderIdentity: 'you' }) });
      await s.send('PATCH', `${path}/x`, { body: { spec: { leaseTransitions: 1 } }, type: STRATEGIC });
      await s.send('POST', path, { body: lease({}, {}) });
      await s.send('DELETE', `${path}/x`);
    },
  },
  {
    name: 'a namespace is made, labelled and not found',
    run: async (s) => {
      const path = '/api/v1/namespaces';
      const name = `${s.namespace}-2`;
      await s.send('POST', path, { body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name } } });
      await s.send('POST', path, { body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name } } });
      await s.send('PATCH', `${path}/${name}`, { body: { metadata: { labels: { a: 'b' } } }, type: STRATEGIC });
      await s.send('GET', `${path}/${name}-3`);
      await s.send('POST', path, { body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a.b' } } });
      await s.send('DELETE', `${path}/default`);
    },
  },
];
