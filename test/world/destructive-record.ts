import { DESTRUCTIVE_CALLS } from '../../src/aws/taken-away.ts';
import type { CallEvent } from '../../src/simulator/ec2/simulator.ts';
import type { WorldView } from '../../src/simulator/ec2/world-view.ts';
import type { LogLine, World } from './world.ts';

/** A destructive call in one line: what, where, and to which resources. */
type Line = string;

/** What the simulated AWS was made to take away from now on, whoever asked for it. */
export function recordOf(world: World): readonly Line[] {
  const lines: Line[] = [];
  world.aws.onMutation((call, before, after) => {
    if (!(DESTRUCTIVE_CALLS as readonly string[]).includes(call.action)) return;
    const resources = resourcesOf(call, before, after);
    if (resources.length > 0) lines.push(lineOf(call.action, `${call.account}/${call.region}`, resources));
  });
  return lines;
}

/** Which resources lost something, judged by the parameters as they arrived and, for parameters of SSM, by the worlds. */
function resourcesOf({ action, parameters }: CallEvent, before: WorldView, after: WorldView): string[] {
  const listed = (prefix: string): string[] =>
    Object.entries(parameters).flatMap(([name, value]) => (name.startsWith(prefix) ? [value] : []));
  switch (action) {
    case 'DeleteParameter': {
      const left = new Set(after.parameters.map(keyOf));
      return before.parameters.filter((each) => !left.has(keyOf(each))).map(({ name }) => name);
    }
    case 'DeleteTags':
      return listed('ResourceId.');
    case 'ModifyImageAttribute':
      return listed('LaunchPermission.Remove.').length > 0 ? listed('ImageId') : [];
    case 'ModifySnapshotAttribute':
      return parameters['OperationType'] === 'remove' ? listed('SnapshotId') : [];
    default:
      return [...listed('ImageId'), ...listed('SnapshotId')];
  }
}

const keyOf = ({ account, region, name }: WorldView['parameters'][number]): string => `${account}/${region} ${name}`;

export interface AuditLine {
  readonly policy: string;
  readonly call: string;
  readonly target: string;
  readonly resources: readonly string[];
  readonly reason: string;
  readonly outcome?: { readonly kind: string; readonly code?: string };
}

const audits = (log: readonly LogLine[], msg: string): AuditLine[] =>
  log.filter((line) => line.msg === msg).map(({ audit }) => audit as AuditLine);
export const begun = (log: readonly LogLine[]): AuditLine[] => audits(log, 'destructive call begins');
export const ended = (log: readonly LogLine[]): AuditLine[] => audits(log, 'destructive call ended');

export const asLine = ({ call, target, resources }: AuditLine): Line => lineOf(call, target, resources);
const lineOf = (call: string, target: string, resources: readonly string[]): Line =>
  `${call} ${target} ${resources.toSorted().join(' ')}`;
