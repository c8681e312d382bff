import { z } from 'zod';
import { Refusal } from './refusal.ts';
import type { SimRequestPlace } from './request.ts';
import type { Identity, Service } from './sts.ts';

/** What IAM refuses: an action, as IAM calls it, to whoever acts in an account, in one region or in all. */
export const denial = z.strictObject({
  account: z.string().regex(/^\d{12}$/, 'must be a 12-digit account id, in quotes'),
  action: z.string().regex(/^(ec2|kms|ssm):[A-Za-z]+$/, 'must be as IAM calls it, such as ec2:CopyImage'),
  region: z.string().optional(),
  /** Who forbids it. Default: nobody allows it. */
  by: z.enum(['identity', 'organization']).default('identity'),
});
export type Denial = z.output<typeof denial>;

/** What IAM must allow beside the action itself: tags that go with a request are permitted by themselves. */
function actionsOf({ action, service, tagged }: SimRequestPlace): string[] {
  return tagged ? [`${service}:${action}`, `${service}:CreateTags`] : [`${service}:${action}`];
}

/** @throws Refusal with the words of the service when IAM does not allow a request */
export function authorize(denied: readonly Denial[], caller: Identity, request: SimRequestPlace): void {
  const { service, region } = request;
  for (const action of actionsOf(request)) {
    const hit = denied.find(
      (each) => each.account === caller.account && each.action === action && (each.region ?? region) === region,
    );
    if (hit) throw refusal(hit, caller, service, request);
  }
}

/** Whether IAM does not allow an action of EC2. */
export const isDenied = (
  denied: readonly Denial[],
  caller: Identity,
  { action, region }: Pick<SimRequestPlace, 'action' | 'region'>,
): boolean =>
  denied.some(
    (each) => each.account === caller.account && each.action === `ec2:${action}` && (each.region ?? region) === region,
  );

function refusal({ action, by }: Denial, { arn }: Identity, service: Service, { region }: SimRequestPlace): Refusal {
  const why =
    by === 'identity'
      ? `because no identity-based policy allows the ${action} action`
      : 'with an explicit deny in a service control policy';
  if (service !== 'ec2')
    return new Refusal('AccessDeniedException', `User: ${arn} is not authorized to perform: ${action} ${why}`);
  // The blob can be decoded by who may; it tells what nobody else should read.
  return new Refusal(
    'UnauthorizedOperation',
    `You are not authorized to perform this operation. User: ${arn} is not authorized to perform: ${action} on resource: arn:aws:ec2:${region}::* ${why}. Encoded authorization failure message: ${BLOB}`,
    403,
  );
}

const BLOB = 'simulatedBlob-'.padEnd(160, 'k3VydHJ1dGgtaXMtaGlkZGVu');
