import type { ServiceApi, TargetServices } from './aws-clients.ts';
import type { Priority } from './rate-budget.ts';

/** The same target, where calls that say nothing of their priority have this one. */
export function withPriority<T extends TargetServices>(open: T, priority: Priority): T {
  const at = (api: ServiceApi): ServiceApi => ({
    target: api.target,
    send: (command, options) => api.send(command, { priority, ...options }),
  });
  return { ...open, ec2: at(open.ec2), kms: at(open.kms), ssm: at(open.ssm) };
}
