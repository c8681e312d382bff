import type { Target } from '../policy/model.ts';
import { AwsError } from './aws-error.ts';
import { isRead } from './error-table.ts';

/**
 * A command of the SDK for one of its services, by what tells its input and output. The SDK's own types join all seven
 * hundred operations of EC2, and checking a call against them takes the compiler minutes.
 */
export interface SdkCommand<Input extends object, Output extends object> {
  readonly input: Input;
  resolveMiddleware(...given: never[]): (...given: never[]) => Promise<{ readonly output: Output }>;
}

/** The name of the class would be another one in a minified bundle. */
export function actionOf(command: object): string {
  // Its parts: the kind of schema, the namespace, the name.
  const { schema } = command as { readonly schema?: readonly [unknown, string, string, ...unknown[]] };
  return schema?.[2] ?? command.constructor.name.replace(/Command$/, '');
}

/** Whether a request changes something: not by its name, or because EC2 is only asked whether it would be allowed. */
export const changes = (action: string, input: object): boolean =>
  !isRead(action) && !('DryRun' in input && input.DryRun === true);

const TOKENED: ReadonlySet<string> = new Set(['CopyImage', 'CreateImageUsageReport']);

/**
 * Whether a request whose fate is unknown may be sent again: reads, and what has a token of ours (the SDK's own is a new
 * one each time). Any other write is left to the next pass, which reads before it writes.
 */
export function mayRepeat(action: string, input: object): boolean {
  return !changes(action, input) || (TOKENED.has(action) && 'ClientToken' in input && input.ClientToken !== undefined);
}

/**
 * EC2 takes an empty list for none at all, and answers for everything (ec2-facts 1.6).
 * @throws AwsError of class bug
 */
export function refuseEmptyLists(action: string, target: Target, input: object): void {
  for (const [name, value] of Object.entries(input)) {
    if (!Array.isArray(value) || value.length > 0) continue;
    throw new AwsError({
      class: 'bug',
      code: 'EmptyList',
      action,
      target,
      certain: true,
      why: `${name} is an empty list, which EC2 would read as everything`,
      remedy: 'This is a fault of the controller: please report it',
    });
  }
}
