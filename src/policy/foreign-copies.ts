import { ownershipOf } from './identity.ts';
import { indexOf } from './image-index.ts';
import type { Target } from './model.ts';
import { inventoryOf, type PlanInput } from './pass.ts';

/** A copy of the same source in the same target that belongs to another policy. */
interface ForeignCopy {
  readonly imageId: string;
  readonly policy: string;
  readonly cluster: string;
}

/** Only what could serve counts: a failed copy of another policy is no reason to stand off. */
export function foreignCopyOf(input: PlanInput, target: Target, sourceImage: string): ForeignCopy | undefined {
  const inventory = inventoryOf(input, target);
  let first: ForeignCopy | undefined;
  for (const { id, state, tags } of inventory ? indexOf(inventory.images).copiesOf(sourceImage) : []) {
    if (state === 'failed' || state === 'deregistered') continue;
    const ownership = ownershipOf(tags, input.owner);
    if (ownership.kind === 'other' && (!first || id < first.imageId)) first = { imageId: id, ...ownership };
  }
  return first;
}
