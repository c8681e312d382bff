import { APPLY, type ConformanceCase, MERGE, policy } from '../case.ts';

/** A policy whose spec is refused, and why it is worth a look. */
const REFUSED: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
  ['a string for an integer', { retention: { keepNewest: 'x' } }],
  ['a number for a string', { regions: [{ name: 5 }] }],
  ['an object for a list', { regions: {} }],
  ['a list for an object', { source: [] }],
  ['null for a list', { regions: null }],
  ['a value that is not in the enumeration', { mode: 'Maybe' }],
  ['a number below the least', { retention: { keepNewest: 0 } }],
  ['a text that does not match', { source: { account: '1', region: 'us-east-1', images: { names: ['web-*'] } } }],
  [
    'a text that is too long',
    { source: { account: '111122223333', region: 'us-east-1', images: { names: ['x'.repeat(3000)] } } },
  ],
  ['a list that is too short', { regions: [] }],
  ['what is required and not there', { source: { region: 'us-east-1', images: { names: ['web-*'] } } }],
  ['a key twice', { regions: [{ name: 'us-east-1' }, { name: 'us-east-1' }] }],
  [
    'an entry of a set twice',
    { source: { account: '111122223333', region: 'us-east-1', images: { names: ['a', 'a'] } } },
  ],
  ['no criterion for images', { source: { account: '111122223333', region: 'us-east-1', images: {} } }],
  [
    'a rule and a pattern broken at once',
    { source: { account: '1', region: 'us-east-1', images: {} }, regions: [{ name: 'us-east-1' }] },
  ],
];

export const VALIDATION: readonly ConformanceCase[] = [
  ...REFUSED.map(
    ([what, spec]): ConformanceCase => ({
      name: `refused: ${what}`,
      run: async (s) => {
        await s.send('POST', s.policies, { body: policy('a', { spec }) });
      },
    }),
  ),
  {
    name: 'a policy without a spec is refused',
    run: async (s) => {
      await s.send('POST', s.policies, { body: policy('a', { spec: null }) });
    },
  },
  {
    name: 'too many regions are refused',
    run: async (s) => {
      const regions = Array.from({ length: 300 }, (_, index) => ({ name: `us-east-${index}` }));
      await s.send('POST', s.policies, { body: policy('a', { spec: { regions } }) });
    },
  },
  {
    name: 'what may not change is refused on every way of writing',
    run: async (s) => {
      const { metadata } = await s.send('POST', s.policies, { body: policy('a') });
      const source = { account: '999922223333', region: 'us-east-1', images: { names: ['web-*'] } };
      const moved = policy('a', { metadata: { resourceVersion: metadata['resourceVersion'] }, spec: { source } });
      await s.send('PUT', `${s.policies}/a`, { body: moved });
      await s.send('PATCH', `${s.policies}/a`, { body: { spec: { source: { region: 'eu-west-1' } } }, type: MERGE });
      await s.send('PATCH', `${s.policies}/a?fieldManager=m&force=true`, {
        body: policy('a', { spec: { source } }),
        type: APPLY,
      });
    },
  },
  {
    name: 'an account must be named after its id, and its role be of that account',
    run: async (s) => {
      const path = '/apis/amifleet.io/v1alpha1/awsaccounts';
      const account = (name: string, spec: object): object => ({
        apiVersion: 'amifleet.io/v1alpha1',
        kind: 'AwsAccount',
        metadata: { name },
        spec,
      });
      await s.send('POST', path, { body: account('web', {}) });
      await s.send('POST', path, { body: account(s.account, { roleArn: 'arn:aws:iam::111122223333:role/x' }) });
      await s.send('POST', path, { body: account(s.account, { namespaces: ['a'] }) });
      await s.send('PATCH', `${path}/${s.account}`, { body: { spec: { readOnly: true } }, type: MERGE });
      await s.send('PATCH', `${path}/${s.account}`, { body: { status: { a: 1 } }, type: MERGE });
      await s.send('DELETE', `${path}/${s.account}`);
    },
  },
  {
    name: 'a status that breaks the rules is refused',
    run: async (s) => {
      await s.send('POST', s.policies, { body: policy('a') });
      const ready = {
        type: 'Ready',
        status: 'True',
        reason: 'x',
        message: '',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      };
      for (const wrong of [{ status: 'Perhaps' }, { lastTransitionTime: 'then' }, { reason: 5 }]) {
        const status = { conditions: [{ ...ready, ...wrong }] };
        await s.send('PATCH', `${s.policies}/a/status`, { body: { status }, type: MERGE });
      }
      await s.send('PATCH', `${s.policies}/a/status`, {
        body: { status: { conditions: [{ ...ready, reason: undefined }] } },
        type: MERGE,
      });
    },
  },
];
