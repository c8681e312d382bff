import type { Result } from '../controller/reconcile.ts';
import { targetKey } from '../policy/model.ts';
import type { Blocked } from '../policy/plan.ts';
import { table } from './table.ts';

/** A plan for people: what is done, where, to what and why; what is held back; what is waited for. */
export function planText(name: string, result: Result): string {
  const { plan, set } = result.decision;
  const { status } = result.report;
  const { length } = set.versions;
  const versions = set.sources ? `${length} ${length === 1 ? 'version' : 'versions'}` : 'source images not seen';
  const none = result.input.spec.suspend
    ? 'suspended (spec.suspend)'
    : plan.blocked.some(({ effect }) => effect !== 'keeps')
      ? 'nothing can be done'
      : isUnderWay(result)
        ? 'under way'
        : 'nothing to do';
  const due = plan.actions.length === 0 ? none : `${plan.actions.length} to do`;
  const sections: string[] = [`${name}: ${versions}, targets ready ${status.targetsReady ?? '0/0'}, ${due}`];
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
  // What stands in the way of several conditions is one thing for a reader.
  const once = [...new Map(held.map((row) => [row.join('\n'), row])).values()];
  if (once.length > 0) sections.push(table(['held back', 'target', 'image', 'why'], once));
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

/** `held back: NoOrigin: web-1 (ami-1) in 111122223333/eu-west-1: there is nothing to copy from …` */
export function heldBackText({ code, subject, target, message }: Blocked): string {
  const key = target && targetKey(target);
  return `held back: ${code}: ${subject}${key === undefined || key === subject ? '' : ` in ${key}`}: ${message}`;
}

/** How far a policy is, in one line: `targets ready 2/8, 6 copies pending (111122223333/eu-west-1 40%)`. */
export function progressText({ report }: Result): string {
  const { targetsReady = '0/0', pendingCopies = 0, targets = [] } = report.status;
  const ready = `targets ready ${targetsReady}`;
  if (pendingCopies === 0) return ready;
  const parts = targets.flatMap((target) =>
    target.progress === undefined ? [] : [`${targetKey(target)} ${target.progress}`],
  );
  const shown = parts.slice(0, 4).join(', ') + (parts.length > 4 ? `, and ${parts.length - 4} more` : '');
  const count = `${pendingCopies} ${pendingCopies === 1 ? 'copy' : 'copies'} pending`;
  return `${ready}, ${count}${shown === '' ? '' : ` (${shown})`}`;
}

/** The same as `planText`, for programs. Times are ISO 8601. */
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

/** Whether copies are being made, or what follows them is still to come. */
export const isUnderWay = ({ decision, report }: Result): boolean =>
  (report.status.pendingCopies ?? 0) > 0 || decision.plan.waits.some(({ until }) => until === undefined);

/** Whether something stands in the way that only a person can put right. */
export const isStuck = (result: Result): boolean =>
  result.decision.plan.blocked.some(({ effect, part }) => effect === 'stalls' || part === 'access') ||
  result.failures.some(({ effect }) => effect === 'stalls');

/** Whether something did not succeed that may succeed when it is tried again. */
export const mayRetry = (result: Result): boolean =>
  result.failures.some(({ effect }) => effect === 'retries') ||
  result.decision.plan.blocked.some(({ effect }) => effect === 'retries');
