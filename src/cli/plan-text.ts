import type { Result } from '../controller/reconcile.ts';
import { targetKey } from '../policy/model.ts';
import { table } from './table.ts';

/** A plan for people: what is done, where, to what and why; what is held back; what is waited for. */
export function planText(name: string, result: Result): string {
  const { plan, set } = result.decision;
  const { status } = result.report;
  const sections: string[] = [
    `${name}: ${set.versions.length} versions, targets ready ${status.targetsReady ?? '0/0'}${plan.actions.length === 0 ? ', nothing to do' : `, ${plan.actions.length} to do`}`,
  ];
  if (plan.actions.length > 0) {
    sections.push(
      table(
        ['action', 'target', 'image', 'reason'],
        plan.actions.map((action) => [action.kind, targetKey(action.target), action.subject, action.reason]),
      ),
    );
    const gibibytes = plan.actions.reduce((sum, action) => sum + (action.gibibytes ?? 0), 0);
    if (gibibytes > 0) sections.push(`To copy: ${gibibytes} GiB at most (volume sizes added up).`);
  }
  const held = [
    ...plan.blocked.map(({ code, subject, target, message }) => [
      code,
      target ? targetKey(target) : '',
      subject,
      message,
    ]),
    ...result.failures.map(({ code, action, message }) => [code, targetKey(action.target), action.subject, message]),
  ];
  if (held.length > 0) sections.push(table(['held back', 'target', 'image', 'why'], held));
  if (plan.waits.length > 0) {
    sections.push(
      table(
        ['waiting', 'target', 'for'],
        plan.waits.map(({ subject, target, message }) => [subject, targetKey(target), message]),
      ),
    );
  }
  return sections.join('\n\n');
}

/** The same for programs. Times are ISO 8601. */
export function planJson(name: string, result: Result): object {
  const { plan } = result.decision;
  return {
    policy: name,
    actions: plan.actions.map(({ kind, target, subject, reason, call, gibibytes, destroys }) => ({
      kind,
      ...target,
      image: subject,
      reason,
      destructive: destroys !== undefined,
      ...(gibibytes !== undefined && { gibibytes }),
      call,
    })),
    blocked: plan.blocked.map(({ part, code, subject, target, message, effect }) => ({
      part,
      reason: code,
      image: subject,
      ...target,
      message,
      effect,
    })),
    waits: plan.waits.map(({ subject, target, message, until }) => ({
      image: subject,
      ...target,
      message,
      ...(until !== undefined && { until: new Date(until).toISOString() }),
    })),
    failures: result.failures.map(({ action, code, message, effect }) => ({
      kind: action.kind,
      ...action.target,
      image: action.subject,
      reason: code,
      message,
      effect,
    })),
    status: { ...result.report.status, conditions: result.report.findings },
  };
}

/** Whether something stands in the way that only a person can put right. */
export const isStuck = (result: Result): boolean =>
  result.decision.plan.blocked.some(({ effect, part }) => effect === 'stalls' || part === 'access') ||
  result.failures.some(({ effect }) => effect === 'stalls');
