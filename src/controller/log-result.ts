import type { Logger } from 'pino';
import { targetKey } from '../policy/model.ts';
import type { Result } from './reconcile.ts';

/** What a pass came to: a line for each action that failed, and one for how the policy stands. */
export function logResult(log: Logger, key: string, { report, failures }: Result): void {
  for (const { action, code, message } of failures) {
    const target = targetKey(action.target);
    log.warn(
      { policy: key, action: action.kind, target, subject: action.subject, code, err: message },
      'action failed',
    );
  }
  const ready = report.findings.find(({ type }) => type === 'Ready');
  log.info(
    {
      policy: key,
      ready: ready?.status,
      reason: ready?.reason,
      ...(ready?.status !== 'True' && { message: ready?.message }),
      failures: failures.length,
    },
    'pass ended',
  );
}
