import { Refusal } from './refusal.ts';
import type { Tags } from './world.ts';

/** @throws Refusal when AWS Backup made it: only that deletes it again */
export function refuseIfBackup(kind: 'image' | 'snapshot', { tags }: { readonly tags: Tags }): void {
  if (!Object.keys(tags).some((key) => key.startsWith('aws:backup:'))) return;
  throw new Refusal(
    'InvalidParameterValue',
    `This ${kind} is managed by the AWS Backup service and cannot be deleted via EC2 APIs. If you wish to delete this ${kind}, please do so via the Backup console.`,
  );
}
