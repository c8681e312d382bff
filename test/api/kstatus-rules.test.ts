import { describe, expect, it } from 'vitest';
import type { Condition } from '../../src/api/conditions.ts';
import { kstatusRules, type Standing } from './kstatus-rules.ts';

const NOON = '2026-01-01T12:00:00Z';
const ONE = '2026-01-01T13:00:00Z';
const condition = (type: string, status: Condition['status'] = 'True', more: Partial<Condition> = {}): Condition => ({
  type,
  status,
  reason: 'Because',
  message: 'as the test wants it',
  lastTransitionTime: NOON,
  observedGeneration: 2,
  ...more,
});
const standing = (...conditions: Condition[]): Standing => ({
  metadata: { generation: 2 },
  status: { observedGeneration: 2, conditions },
});

describe('a status that tools read right', () => {
  it.each<[string, Standing]>([
    ['of an object that nobody has looked at', { metadata: { generation: 1 }, status: { observedGeneration: -1 } }],
    ['of what is ready', standing(condition('Ready'), condition('Shared'))],
    ['of what is on its way', standing(condition('Ready', 'False'), condition('Reconciling'))],
    ['of what somebody must see to', standing(condition('Ready', 'False'), condition('Stalled'))],
    ['of what is suspended', standing(condition('Ready', 'False', { reason: 'Suspended' }))],
    [
      'of what is leaving',
      { ...standing(condition('Ready', 'False')), metadata: { generation: 2, deletionTimestamp: NOON } },
    ],
  ])('%s breaks nothing', (_, given) => {
    expect(kstatusRules(given, given)).toEqual([]);
  });
});

describe('each rule sees what breaks it', () => {
  it.each<[string, Standing, string]>([
    ['the future', { metadata: { generation: 1 }, status: { observedGeneration: 2 } }, 'a generation to come'],
    ['no root', standing(condition('Shared')), 'there is no condition Ready'],
    ['ready and on its way', standing(condition('Ready'), condition('Reconciling')), 'it is ready and reconciling'],
    ['ready and stalled', standing(condition('Ready'), condition('Stalled')), 'it is ready and stalled'],
    [
      'both abnormal ones',
      standing(condition('Ready', 'False'), condition('Reconciling'), condition('Stalled')),
      'reconciling and stalled at once',
    ],
    ['an abnormal one that is not', standing(condition('Ready'), condition('Stalled', 'False')), 'Stalled is there'],
    ['unknown without end', standing(condition('Ready', 'Unknown')), 'nobody works on that'],
    ['not ready without a word', standing(condition('Ready', 'False')), 'neither reconciling nor stalled'],
    ['no message', standing(condition('Ready', 'True', { message: '' })), 'says nothing'],
    ['a sentence for a reason', standing(condition('Ready', 'True', { reason: 'not yet' })), 'CamelCase'],
    ['an old observation', standing(condition('Ready', 'True', { observedGeneration: 1 })), 'another generation'],
    ['disorder', standing(condition('Shared'), condition('Ready')), 'not sorted'],
    ['a type twice', standing(condition('Ready'), condition('Ready')), 'not sorted'],
    ['a time that moves by itself', standing(condition('Ready', 'True', { lastTransitionTime: ONE })), 'has moved'],
    [
      'a time that goes back',
      standing(condition('Ready', 'False', { lastTransitionTime: '2026-01-01T11:00:00Z' }), condition('Stalled')),
      'changed before it was',
    ],
    ['no time', standing(condition('Ready', 'True', { lastTransitionTime: 'now' })), 'no time of its transition'],
  ])('%s', (_, given, said) => {
    expect(kstatusRules(given, standing(condition('Ready'))).join('; ')).toContain(said);
  });
});
