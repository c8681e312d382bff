import { APPLY, type ConformanceCase, MERGE, policy } from '../case.ts';
import type { Document, Session } from '../session.ts';

const apply = (s: Session, manager: string, body: unknown, more = ''): Promise<Document> =>
  s.send('PATCH', `${s.policies}/a?fieldManager=${manager}${more}`, { body, type: APPLY });

const applyStatus = (s: Session, manager: string, status: unknown, more = ''): Promise<Document> =>
  s.send('PATCH', `${s.policies}/a/status?fieldManager=${manager}${more}`, {
    body: { apiVersion: 'amifleet.io/v1alpha1', kind: 'AmiPolicy', metadata: { name: 'a' }, status },
    type: APPLY,
  });

const partial = (spec: object, metadata: object = {}): object => ({
  apiVersion: 'amifleet.io/v1alpha1',
  kind: 'AmiPolicy',
  metadata: { name: 'a', ...metadata },
  spec,
});

const condition = (type: string, status: string): object => ({
  type,
  status,
  reason: 'Because',
  message: '',
  lastTransitionTime: '2026-01-01T00:00:00Z',
  observedGeneration: 1,
});

export const APPLIES: readonly ConformanceCase[] = [
  {
    name: 'apply creates, and the same again changes nothing',
    run: async (s) => {
      await apply(s, 'one', policy('a', { metadata: { labels: { a: '1' } } }));
      await apply(s, 'one', policy('a', { metadata: { labels: { a: '1' } } }));
    },
  },
  {
    name: 'a field that another manager set is a conflict, unless it has the same value or is forced',
    run: async (s) => {
      await apply(s, 'one', policy('a', { spec: { suspend: true } }));
      await apply(s, 'two', partial({ suspend: true }));
      await apply(s, 'two', partial({ suspend: false }));
      await apply(s, 'three', partial({ suspend: false, mode: 'Plan' }));
      await apply(s, 'three', partial({ suspend: false, mode: 'Plan' }), '&force=true');
    },
  },
  {
    name: 'conflicts with several managers name each field',
    run: async (s) => {
      await apply(s, 'one', policy('a', { spec: { suspend: true } }));
      await s.send('PATCH', `${s.policies}/a?fieldManager=two`, { body: { spec: { mode: 'Plan' } }, type: MERGE });
      await apply(s, 'three', partial({ suspend: false, mode: 'Apply', deletionPolicy: 'Delete' }));
    },
  },
  {
    name: 'what an applier names no more goes, unless another owns it too',
    run: async (s) => {
      await apply(
        s,
        'one',
        policy('a', {
          spec: { suspend: true, retention: { keepNewest: 3 } },
          metadata: { labels: { a: '1', b: '2' } },
        }),
      );
      await apply(s, 'two', partial({ retention: { keepNewest: 3 } }, { labels: { b: '2' } }));
      await apply(s, 'one', policy('a'));
      await apply(s, 'two', partial({}));
    },
  },
  {
    name: 'entries of a list of a map are owned one by one',
    run: async (s) => {
      const [one, two, three] = ['111111111111', '222222222222', '333333333333'];
      await apply(s, 'one', policy('a', { spec: { accounts: [{ id: one }, { id: two }] } }));
      await apply(s, 'two', partial({ accounts: [{ id: three, share: true }] }));
      await apply(s, 'two', partial({ accounts: [{ id: two }, { id: three }] }));
      await apply(s, 'one', policy('a', { spec: { accounts: [{ id: one, share: true }] } }));
      await apply(s, 'two', partial({ accounts: [{ id: one, share: false }, { id: three }] }));
    },
  },
  {
    name: 'entries of a set are owned one by one',
    run: async (s) => {
      const images = (names: readonly string[]): object => ({
        source: { account: '111122223333', region: 'us-east-1', images: { names } },
      });
      await apply(s, 'one', policy('a', { spec: images(['a', 'b']) }));
      await apply(s, 'two', partial(images(['c', 'b'])));
      await apply(s, 'one', policy('a', { spec: images(['a']) }));
      await apply(s, 'two', partial(images(['c'])));
    },
  },
  {
    name: 'an update takes the fields that it changes, and no others',
    run: async (s) => {
      await apply(s, 'one', policy('a', { spec: { suspend: true, mode: 'Plan' } }));
      const { metadata } = await s.send('PATCH', `${s.policies}/a?fieldManager=two`, {
        body: { spec: { suspend: false } },
        type: MERGE,
      });
      await s.send('PUT', `${s.policies}/a?fieldManager=three`, {
        body: policy('a', { metadata: { resourceVersion: metadata['resourceVersion'] } }),
      });
      await apply(s, 'one', policy('a', { spec: { suspend: true } }));
    },
  },
  {
    name: 'the status is applied on its own',
    run: async (s) => {
      await apply(s, 'one', policy('a', { status: { observedGeneration: 9 } }));
      await applyStatus(s, 'controller', { observedGeneration: 1, conditions: [condition('Ready', 'True')] });
      await applyStatus(s, 'controller', { observedGeneration: 1, conditions: [condition('Ready', 'True')] });
      await applyStatus(s, 'controller', { observedGeneration: 1, conditions: [condition('Stalled', 'True')] });
      await applyStatus(s, 'other', { conditions: [condition('Extra', 'True')] });
      await applyStatus(s, 'other', { observedGeneration: 2 });
      await applyStatus(s, 'controller', { observedGeneration: 1 });
      await applyStatus(s, 'controller', {});
    },
  },
  {
    name: 'the status of what is not there, or is another by now, is not applied',
    run: async (s) => {
      await applyStatus(s, 'controller', { observedGeneration: 1 });
      await apply(s, 'one', policy('a'));
      const uid = '00000000-0000-4000-8000-000000000000';
      await s.send('PATCH', `${s.policies}/a/status?fieldManager=controller&force=true`, {
        body: {
          apiVersion: 'amifleet.io/v1alpha1',
          kind: 'AmiPolicy',
          metadata: { name: 'a', uid },
          status: { observedGeneration: 1 },
        },
        type: APPLY,
      });
    },
  },
  {
    name: 'applying the status with labels and a spec leaves those alone',
    run: async (s) => {
      await apply(s, 'one', policy('a'));
      await s.send('PATCH', `${s.policies}/a/status?fieldManager=controller`, {
        body: { ...policy('a', { metadata: { labels: { x: 'y' } } }), status: { observedGeneration: 1 } },
        type: APPLY,
      });
    },
  },
  {
    name: 'apply of YAML, of another name, with a wrong version and with managedFields',
    run: async (s) => {
      const yaml = `apiVersion: amifleet.io/v1alpha1
kind: AmiPolicy
metadata: {name: a}
spec: {source: {account: "111122223333", region: us-east-1, images: {names: ["web-*"]}}, regions: [{name: us-east-1}]}`;
      await apply(s, 'one', yaml);
      await apply(s, 'one', policy('b'));
      await apply(s, 'one', policy('a', { metadata: { resourceVersion: '1' } }));
      await apply(s, 'one', policy('a', { metadata: { managedFields: [{ manager: 'x', operation: 'Apply' }] } }));
      await apply(s, 'one', policy('a', { spec: { colour: 'red' } }), '&fieldValidation=Strict');
      await apply(s, 'one', policy('a', { spec: { colour: 'red' } }));
      await apply(s, 'one', policy('a', { spec: { suspend: true } }), '&dryRun=All');
      await apply(s, 'one', policy('a'));
    },
  },
  {
    name: 'finalizers are applied and taken away entry by entry',
    run: async (s) => {
      await apply(s, 'one', policy('a', { metadata: { finalizers: ['x.io/one'] } }));
      await apply(s, 'two', partial({}, { finalizers: ['x.io/two'] }));
      await apply(s, 'one', policy('a'));
    },
  },
];
