import { z } from 'zod';
import { condition } from './conditions.ts';

/** The status of an AwsAccount. Written by the controller alone, and only when something in it changes. */
export const accountStatus = z
  .object({
    observedGeneration: z
      .int()
      .min(-1)
      .max(9_007_199_254_740_991)
      .default(-1)
      .meta({ description: 'The generation of the spec that this status speaks of; -1 before the first.' }),
    conditions: z
      .array(condition)
      .max(16)
      .meta({
        description: 'Observations. Ready says whether the account can be used, and if not, why.',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['type'],
      })
      .optional(),
    regions: z
      .array(z.string().max(32))
      .max(100)
      .meta({ description: 'The regions that the account has enabled.', 'x-kubernetes-list-type': 'atomic' })
      .optional(),
    regionCount: z.int().min(0).max(1000).meta({ description: 'How many regions it has enabled.' }).optional(),
    images: z
      .int()
      .min(0)
      .max(1_000_000_000)
      .meta({ description: 'Copies of this cluster in the account, as of the last sweep of all of its regions.' })
      .optional(),
    orphanCount: z
      .int()
      .min(0)
      .max(1_000_000_000)
      .meta({
        description:
          'Snapshots and failed copies of this cluster that no policy cleans up any more, as of the last sweep of all regions.',
      })
      .optional(),
    orphans: z
      .array(
        z.object({
          id: z.string().max(64).meta({ description: 'The snapshot, or the image.' }),
          region: z.string().max(32).meta({ description: 'Where it is.' }),
          policy: z.string().max(320).meta({ description: 'The policy that it was made for.' }),
          message: z.string().max(400).meta({ description: 'Why nobody cleans it up, and what to do.' }),
        }),
      )
      .max(10)
      .meta({ description: 'The first ten of them.', 'x-kubernetes-list-type': 'atomic' })
      .optional(),
  })
  .meta({ description: 'What was seen. Written by the controller.', default: { observedGeneration: -1 } });

export type AccountStatus = z.output<typeof accountStatus>;
