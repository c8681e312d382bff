import type { Operation } from './call.ts';

/** Which images of other accounts may be used in a place. */
export const getAllowedImagesSettings: Operation = {
  parameters: ['DryRun'],
  mutates: false,
  run: ({ place: { allowedImages } }) => ({
    state: allowedImages.state,
    imageCriterionSet: allowedImages.providers.length > 0 ? [{ imageProviderSet: allowedImages.providers }] : [],
    managedBy: 'account',
  }),
};
