import { conditionsFrom, type Finding } from '../../src/api/conditions.ts';
import { kstatusRules } from '../api/kstatus-rules.ts';

/** What the conditions of a report break of the rules that tools go by, as they are written first and an hour later. */
export function brokenBy(findings: readonly Finding[]): string[] {
  const standing = (time: string, before: Parameters<typeof conditionsFrom>[1]) => ({
    metadata: { generation: 3 },
    status: { observedGeneration: 3, conditions: conditionsFrom(findings, before, 3, time) },
  });
  const first = standing('2026-01-01T00:00:00Z', []);
  const second = standing('2026-01-01T01:00:00Z', first.status.conditions);
  return [...kstatusRules(first), ...kstatusRules(second, first)];
}
