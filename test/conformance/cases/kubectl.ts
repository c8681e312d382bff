import { type ConformanceCase, MERGE, policy } from '../case.ts';

const manifest = (changes: Readonly<Record<string, unknown>> = {}): string => JSON.stringify(policy('web', changes));

const READY = {
  observedGeneration: 1,
  conditions: [
    { type: 'Ready', status: 'True', reason: 'Done', message: 'fine', lastTransitionTime: '2026-01-01T00:00:00Z' },
  ],
};

export const KUBECTL: readonly ConformanceCase[] = [
  {
    name: 'apply, apply again, change, get and delete',
    run: async (s) => {
      await s.kubectl(['apply', '-f', '-'], manifest());
      await s.kubectl(['apply', '-f', '-'], manifest());
      await s.kubectl(['apply', '-f', '-'], manifest({ spec: { suspend: true } }));
      await s.kubectl(['get', 'amip']);
      await s.kubectl(['get', 'amipolicies.amifleet.io', 'web', '-o', 'wide']);
      await s.kubectl(['get', 'amipolicy', 'web', '-o', 'jsonpath={.spec}']);
      await s.kubectl(['get', 'amip', 'web', '-o', 'yaml']);
      // Anything that it printed would name files of its own.
      await s.kubectl(['diff', '-f', '-'], manifest({ spec: { suspend: true } }));
      await s.kubectl(['delete', 'amip', 'web']);
      await s.kubectl(['get', 'amip', 'web']);
      await s.kubectl(['get', 'amip']);
    },
  },
  {
    name: 'server-side apply, alone and after client-side apply',
    run: async (s) => {
      await s.kubectl(['apply', '--server-side', '-f', '-'], manifest());
      await s.kubectl(
        ['apply', '--server-side', '--field-manager=other', '-f', '-'],
        manifest({ spec: { mode: 'Plan' } }),
      );
      await s.kubectl(
        ['apply', '--server-side', '--field-manager=third', '-f', '-'],
        manifest({ spec: { mode: 'Apply' } }),
      );
      await s.kubectl(['delete', 'amip', 'web']);
      await s.kubectl(['apply', '-f', '-'], manifest());
      await s.kubectl(['apply', '--server-side', '-f', '-'], manifest({ spec: { suspend: true } }));
      await s.kubectl(['get', 'amip', 'web', '-o', 'jsonpath={.spec.suspend}']);
    },
  },
  {
    name: 'what is invalid or unknown is said',
    run: async (s) => {
      await s.kubectl(['apply', '-f', '-'], manifest({ spec: { mode: 'Maybe' } }));
      await s.kubectl(['apply', '-f', '-'], manifest({ spec: { colour: 'red' } }));
      await s.kubectl(['create', '-f', '-'], manifest({ spec: { colour: 'red' } }));
      await s.kubectl(['apply', '--server-side', '-f', '-'], manifest({ spec: { colour: 'red' } }));
      await s.kubectl(['apply', '--validate=warn', '-f', '-'], manifest({ spec: { colour: 'red' } }));
      await s.kubectl(['create', '-f', '-'], manifest());
    },
  },
  {
    name: 'describe shows the object and its events',
    run: async (s) => {
      await s.kubectl(['apply', '-f', '-'], manifest());
      await s.sendFor(() => 0, 'POST', `/apis/events.k8s.io/v1/namespaces/${s.namespace}/events`, {
        body: {
          apiVersion: 'events.k8s.io/v1',
          kind: 'Event',
          metadata: { name: 'e', namespace: s.namespace },
          eventTime: new Date(Math.floor(Date.now() / 1000) * 1000).toISOString().replace('Z', '000Z'),
          reportingController: 'amifleet',
          reportingInstance: 'amifleet-0',
          type: 'Normal',
          reason: 'Copied',
          action: 'CopyImage',
          note: 'a copy was made',
          regarding: { apiVersion: 'amifleet.io/v1alpha1', kind: 'AmiPolicy', name: 'web', namespace: s.namespace },
        },
      });
      await s.kubectl(['describe', 'amip', 'web']);
      await s.kubectl(['get', 'events']);
      await s.kubectl(['events', '--for', 'amipolicy/web']);
    },
  },
  {
    name: 'annotate, label, patch and edit',
    run: async (s) => {
      await s.kubectl(['create', '-f', '-'], manifest());
      await s.kubectl(['annotate', 'amip', 'web', 'amifleet.io/reconcile=now']);
      await s.kubectl(['label', 'amip', 'web', 'a=b']);
      await s.kubectl(['label', 'amip', 'web', 'a-']);
      await s.kubectl(['patch', 'amip', 'web', '--type=merge', '-p', '{"spec":{"suspend":true}}']);
      await s.kubectl(['patch', 'amip', 'web', '--type=json', '-p', '[{"op":"remove","path":"/spec/suspend"}]']);
      await s.kubectl(['patch', 'amip', 'web', '-p', '{"spec":{"suspend":true}}']);
      await s.kubectl([
        'patch',
        'amip',
        'web',
        '--subresource=status',
        '--type=merge',
        '-p',
        '{"status":{"observedGeneration":1}}',
      ]);
      await s.kubectl(['replace', '-f', '-'], manifest({ spec: { mode: 'Plan' } }));
      await s.kubectl(['get', 'amip', 'web', '-o', 'jsonpath={.spec.mode} {.metadata.generation} {.status}']);
    },
  },
  {
    name: 'wait for a condition and for the end',
    run: async (s) => {
      await s.kubectl(['create', '-f', '-'], manifest({ metadata: { finalizers: ['amifleet.io/images'] } }));
      await s.kubectl(['wait', '--for=condition=Ready', '--timeout=0s', 'amip/web']);
      const waiting = s.kubectl(['wait', '--for=condition=Ready', '--timeout=15s', 'amip/web']);
      await s.sendFor(() => 0, 'PATCH', `${s.policies}/web/status`, { body: { status: READY }, type: MERGE });
      await waiting;
      await s.kubectl(['wait', '--for=jsonpath={.status.observedGeneration}=1', '--timeout=15s', 'amip/web']);
      await s.kubectl(['delete', 'amip', 'web', '--wait=false']);
      const ending = s.kubectl(['wait', '--for=delete', '--timeout=15s', 'amip/web']);
      await s.sendFor(() => 0, 'PATCH', `${s.policies}/web`, { body: { metadata: { finalizers: null } }, type: MERGE });
      await ending;
      await s.kubectl(['delete', 'amip', 'web', '--ignore-not-found']);
    },
  },
  {
    name: 'explain tells what the definition says',
    run: async (s) => {
      await s.kubectl(['explain', 'amipolicies.spec.regions']);
      await s.kubectl(['explain', 'awsaccounts.spec.externalId']);
    },
  },
  {
    name: 'api-resources lists our kinds',
    run: async (s) => {
      await s.kubectl(['api-resources', '--api-group=amifleet.io']);
      await s.kubectl(['api-resources', '--api-group=amifleet.io', '-o', 'wide']);
    },
  },
  {
    name: 'the definitions are there and established',
    run: async (s) => {
      await s.kubectl(['get', 'crd', 'amipolicies.amifleet.io', '-o', 'name']);
      await s.kubectl(['get', 'crd', 'amipolicies.amifleet.io']);
      await s.kubectl(['wait', '--for=condition=Established', '--timeout=10s', 'crd/awsaccounts.amifleet.io']);
      await s.kubectl(['get', 'crd', 'awsaccounts.amifleet.io', '-o', 'jsonpath={.status.acceptedNames}']);
    },
  },
  {
    name: 'a namespace is created and applied',
    run: async (s) => {
      await s.kubectl(['create', 'namespace', `${s.namespace}-2`]);
      await s.kubectl(['create', 'namespace', `${s.namespace}-2`]);
      const body = JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: `${s.namespace}-3` } });
      await s.kubectl(['apply', '-f', '-'], body);
      await s.kubectl(['apply', '-f', '-'], body);
      await s.kubectl(['apply', '-f', '-'], body.replace('"metadata":{', '"metadata":{"labels":{"a":"b"},'));
      await s.kubectl(['get', 'ns', `${s.namespace}-3`, '--show-labels']);
    },
  },
];
