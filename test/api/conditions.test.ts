import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CONDITION_TYPES, type Condition, conditionsFrom, type Finding } from '../../src/api/conditions.ts';

const JANUARY = '2026-01-01T00:00:00Z';
const FEBRUARY = '2026-02-01T00:00:00Z';

const finding = (type: Finding['type'], status: Finding['status'], reason = 'AsTold', message = ''): Finding => ({
  type,
  status,
  reason,
  message,
});
const condition = (of: Finding, lastTransitionTime: string, observedGeneration = 1): Condition => ({
  ...of,
  lastTransitionTime,
  observedGeneration,
});

describe('conditions', () => {
  it.each<[string, Finding, Condition[], Condition]>([
    ['a new one begins now', finding('Ready', 'True'), [], condition(finding('Ready', 'True'), FEBRUARY, 2)],
    [
      'one whose status stays keeps its time, though reason and message change',
      finding('Ready', 'False', 'CopyFailed', 'new'),
      [condition(finding('Ready', 'False', 'CopyInProgress', 'old'), JANUARY)],
      condition(finding('Ready', 'False', 'CopyFailed', 'new'), JANUARY, 2),
    ],
    [
      'one whose status changes begins anew',
      finding('Ready', 'True'),
      [condition(finding('Ready', 'Unknown'), JANUARY)],
      condition(finding('Ready', 'True'), FEBRUARY, 2),
    ],
    [
      'the time of another one is not taken over',
      finding('Shared', 'True'),
      [condition(finding('Ready', 'True'), JANUARY)],
      condition(finding('Shared', 'True'), FEBRUARY, 2),
    ],
  ])('%s', (_, now, before, expected) => {
    expect(conditionsFrom([now], before, 2, FEBRUARY)).toEqual([expected]);
  });

  it('that are no longer found go: bad news exists only while it is true', () => {
    const before = [condition(finding('Stalled', 'True'), JANUARY), condition(finding('Ready', 'False'), JANUARY)];
    const after = conditionsFrom([finding('Ready', 'False')], before, 2, FEBRUARY);
    expect(after.map(({ type }) => type)).toEqual(['Ready']);
  });

  it('say the same again and again in a steady world, in one order, whatever the clock says', () => {
    const findings = fc
      .subarray([...CONDITION_TYPES])
      .chain((types) =>
        fc.tuple(
          ...types.map((type) => fc.constantFrom('True', 'False', 'Unknown').map((status) => ({ type, status }))),
        ),
      )
      .map((list) => list.map(({ type, status }) => finding(type, status)));
    fc.assert(
      fc.property(findings, (list) => {
        const first = conditionsFrom(list, [], 1, JANUARY);
        expect(conditionsFrom([...list].reverse(), first, 1, FEBRUARY)).toEqual(first);
        const types = first.map(({ type }) => type);
        expect(types).toEqual(types.toSorted());
      }),
    );
  });
});
