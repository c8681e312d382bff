import { DeregisterImageCommand } from '@aws-sdk/client-ec2';
import type { Action } from '../policy/plan.ts';
import type { ServiceApi } from './aws-clients.ts';
import { AwsError } from './aws-error.ts';
import type { OpenTarget } from './inventories.ts';
import { type TakenAway, takenAwayBy } from './taken-away.ts';

/** A call that takes something away, and the action that it is made for: why, by what evidence, of which version. */
export interface DestructiveAct extends TakenAway {
  readonly action: Action;
}

export const ACT_OUTCOMES = ['done', 'refused', 'unknown'] as const;
/** `unknown`: nobody can tell whether it had its effect. */
export type ActOutcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'refused' | 'unknown'; readonly code: string; readonly message: string };

/** Is told of a destructive call right before it is made. What it returns is told what came of it. Neither may throw. */
export type Audit = (act: DestructiveAct) => (outcome: ActOutcome) => void;

/** A target all of whose destructive calls are told to `audit`, whoever makes them. */
export function audited(open: OpenTarget, action: Action, audit: Audit): OpenTarget {
  const listened = (service: ServiceApi): ServiceApi => ({
    target: service.target,
    send: async (command, options) => {
      const taken = takenAwayBy(command);
      if (!taken) return await service.send(command, options);
      const along = isWithSnapshots(command) ? snapshotsOf(action) : [];
      const ended = audit({ action, ...taken, resources: [...taken.resources, ...along] });
      try {
        const answer = await service.send(command, options);
        ended({ kind: 'done' });
        return answer;
      } catch (error) {
        ended(outcomeOf(error));
        throw error;
      }
    },
  });
  return { ...open, ec2: listened(open.ec2), ssm: listened(open.ssm) };
}

const isWithSnapshots = (command: object): boolean =>
  command instanceof DeregisterImageCommand && command.input.DeleteAssociatedSnapshots === true;

/** What goes with an image in the same call only the action names. */
const snapshotsOf = ({ call }: Action): readonly string[] =>
  call.do === 'deregister' ? (call.withSnapshots ?? []) : [];

function outcomeOf(error: unknown): ActOutcome {
  if (error instanceof AwsError)
    return { kind: error.certain ? 'refused' : 'unknown', code: error.code, message: error.message };
  return { kind: 'unknown', code: 'Unexpected', message: error instanceof Error ? error.message : String(error) };
}
