import type { PolicyStatus } from '../../api/policy-status.ts';
import { TAG } from '../../policy/tags.ts';
import type { WorldView } from '../../simulator/ec2/world-view.ts';

/** One line of the demo's table: what is in one target. */
export interface TargetRow {
  readonly target: string;
  readonly ready: string;
  readonly copying: string;
  readonly shared: string;
  readonly surplus: string;
}

type Images = WorldView['images'];

/** What the policy says of its targets, beside what is truly there. */
export function glance(status: PolicyStatus | undefined, world: WorldView): TargetRow[] {
  return (status?.targets ?? []).map(({ account, region, ready, wanted, pending, progress }) => {
    const there = world.images.filter(
      (image) => image.account === account && image.region === region && image.state === 'available',
    );
    const surplus = there.filter(({ tags }) => tags[TAG.surplusSince] !== undefined).length;
    return {
      target: `${account}/${region}`,
      ready: `${ready}/${wanted}`,
      copying: pending === undefined ? '' : `${pending}${progress === undefined ? '' : ` (${progress})`}`,
      shared: sharedWith(there),
      surplus: surplus === 0 ? '' : `${surplus}`,
    };
  });
}

/** How many images somebody beside their owner may launch, and how many grants that takes. */
function sharedWith(images: Images): string {
  const grants = images.map(
    ({ permissions: { accounts, organizations, organizationalUnits } }) =>
      accounts.length + organizations.length + organizationalUnits.length,
  );
  const shared = grants.filter((count) => count > 0);
  if (shared.length === 0) return '';
  return `${shared.length} images, ${shared.reduce((sum, count) => sum + count, 0)} grants`;
}
