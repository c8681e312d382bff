import type { CallOptions, ServiceApi } from './aws-clients.ts';
import type { OpenTarget } from './inventories.ts';

/** A target whose services send every call with these options, where the call does not say otherwise. */
export function callingFor(open: OpenTarget, options: CallOptions): OpenTarget {
  const withOptions = (api: ServiceApi): ServiceApi => ({
    target: api.target,
    send: (command, given) => api.send(command, { ...options, ...given }),
  });
  return { ...open, ec2: withOptions(open.ec2), kms: withOptions(open.kms), ssm: withOptions(open.ssm) };
}
