import { between } from '../../ambient/random.ts';
import { type Call, type Operation } from './call.ts';
import { Refusal } from './refusal.ts';
import type { Place } from './world.ts';

/** Blocking takes up to ten minutes to show. */
const SLOWEST_MS = 10 * 60_000;
const BLOCKED = 'block-new-sharing';

/** Whether images may not be made public: so in every new account. */
export const publicIsBlocked = ({ publicBlockedFrom }: Place, now: number): boolean =>
  publicBlockedFrom !== undefined && publicBlockedFrom <= now;

export const getImageBlockPublicAccessState: Operation = {
  parameters: ['DryRun'],
  mutates: false,
  run: ({ place, world }: Call) => ({
    imageBlockPublicAccessState: publicIsBlocked(place, world.now()) ? BLOCKED : 'unblocked',
    managedBy: 'account',
  }),
};

export const enableImageBlockPublicAccess: Operation = {
  parameters: ['ImageBlockPublicAccessState', 'DryRun'],
  mutates: true,
  run({ query, place, world }) {
    const state = query.required('ImageBlockPublicAccessState');
    if (state !== BLOCKED)
      throw new Refusal(
        'InvalidParameterValue',
        `Value (${state}) for parameter imageBlockPublicAccessState is invalid.`,
      );
    place.publicBlockedFrom ??= world.now() + between(place.lags, 0, SLOWEST_MS);
    return { imageBlockPublicAccessState: BLOCKED };
  },
};

export const disableImageBlockPublicAccess: Operation = {
  parameters: ['DryRun'],
  mutates: true,
  run({ place }) {
    place.publicBlockedFrom = undefined;
    return { imageBlockPublicAccessState: 'unblocked' };
  },
};
