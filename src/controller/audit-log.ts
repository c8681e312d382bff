import type { Logger } from 'pino';
import type { ActOutcome, Audit, DestructiveAct } from '../aws/audit.ts';
import { targetKey } from '../policy/model.ts';

/**
 * Writes two lines for each destructive call: one before it, with what, where, for which policy and by which evidence,
 * and one with what came of it. They are written at every log level: what was taken away must be found in the log
 * however little else is in it. A first line without a second one is a call that the end of the process cut off.
 */
export function auditLog(
  log: Logger,
  onEnd: (act: DestructiveAct, outcome: ActOutcome) => void,
): (policy: string) => Audit {
  const lines = log.child({}, { level: 'info' });
  return (policy) => (act) => {
    const { action, call, resources, parts } = act;
    const audit = {
      policy,
      call,
      target: targetKey(action.target),
      resources,
      ...(parts && { parts }),
      ...(action.destroys && { image: action.destroys.imageId }),
      subject: action.subject,
      action: action.kind,
      reason: action.reason,
    };
    lines.info({ audit }, 'destructive call begins');
    return (outcome) => {
      lines.info({ audit: { ...audit, outcome } }, 'destructive call ended');
      onEnd(act, outcome);
    };
  };
}
