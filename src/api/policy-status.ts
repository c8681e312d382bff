import { z } from 'zod';
import { condition } from './conditions.ts';

const text = (max: number, description: string): z.ZodString => z.string().max(max).meta({ description });
const count = (description: string): z.ZodInt => z.int().min(0).max(1_000_000_000).meta({ description });

const target = z.object({
  account: text(12, 'The account.'),
  region: text(32, 'The region.'),
  ready: count('Wanted versions that are there and usable.'),
  wanted: count('Wanted versions.'),
  pending: count('Copies that are under way.').optional(),
  progress: text(8, 'How far those copies are, all together, for example 45%.').optional(),
  problem: text(512, 'What is wrong there, in one line.').optional(),
});

const version = z.object({
  name: text(128, 'The name of the source image.'),
  sourceImage: text(21, 'The id of the source image.'),
  family: text(512, 'The family: the architecture and the values of the groupBy tags.'),
  created: text(32, 'When the source image was made.'),
  stage: z.enum(['Wanted', 'Retained', 'Surplus', 'Withdrawn']).meta({ description: 'What the rules say of it.' }),
  deprecated: count('Copies of it that are deprecated.').optional(),
  disabled: count('Copies of it that are disabled.').optional(),
  next: text(160, 'The next stage of retirement and when, in one line.').optional(),
  since: text(32, 'When that was first written on a copy, for Surplus and Withdrawn.').optional(),
  ready: count('Targets in which it is usable.'),
  wanted: count('Targets in which it is wanted.'),
  held: text(512, 'What holds it back or keeps it, in one line.').optional(),
  images: z
    .record(z.string(), z.string().max(21))
    .meta({
      description:
        'The id of its ready image in each target, by account/region. Of the newest versions only, as far as there is room.',
      maxProperties: 400,
    })
    .optional(),
});

const plannedAction = z.object({
  kind: text(64, 'What is done.'),
  target: text(64, 'In which account and region.'),
  image: text(256, 'To which image or version.'),
  reason: text(512, 'Why.'),
});

const blocked = z.object({
  reason: text(64, 'One word that says why.'),
  subject: text(256, 'What is held back.'),
  message: text(512, 'Why, and what to do.'),
});

const plan = z.object({
  actions: z
    .record(z.string(), z.int().min(0))
    .meta({ description: 'How many actions of each kind are due.', maxProperties: 40 })
    .optional(),
  next: z
    .array(plannedAction)
    .max(50)
    .meta({ description: 'The first 50 of them.', 'x-kubernetes-list-type': 'atomic' })
    .optional(),
  blocked: z
    .array(blocked)
    .max(50)
    .meta({ description: 'What is not done, and why: the first 50.', 'x-kubernetes-list-type': 'atomic' })
    .optional(),
  gibibytesToCopy: count('The volume sizes of all copies that are due, added up, in GiB.').optional(),
});

/** The status of an AmiPolicy. Written by the controller alone, and only when something in it changes. */
export const policyStatus = z
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
        description: 'Observations. Ready sums them up.',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['type'],
      })
      .optional(),
    versionCount: count('How many versions are wanted or still have copies.').optional(),
    targetsReady: text(32, 'Targets that hold every wanted version, of all targets: 12/14.').optional(),
    pendingCopies: count('Copies that are under way or about to start.').optional(),
    targets: z
      .array(target)
      .max(400)
      .meta({
        description: 'Each target, those with problems first where the list must be cut.',
        'x-kubernetes-list-type': 'atomic',
      })
      .optional(),
    versions: z
      .array(version)
      .max(200)
      .meta({ description: 'Versions, newest first.', 'x-kubernetes-list-type': 'atomic' })
      .optional(),
    plan: plan.meta({ description: 'What is due now and what is held back.' }).optional(),
    deletions: z
      .object({
        day: text(10, 'The day, UTC.'),
        versions: z.array(z.string().max(21)).max(1000).meta({
          description: 'Source image ids of the versions counted.',
          // Not a set, which server-side apply removes altogether when its last item goes.
          'x-kubernetes-list-type': 'atomic',
        }),
      })
      .meta({ description: 'Versions whose deletion was begun today; retention.maxDeletionsPerDay limits them.' })
      .optional(),
    lastHandledReconcile: text(
      253,
      'The value of the annotation amifleet.io/reconcile that was last acted on.',
    ).optional(),
  })
  .meta({ description: 'What was seen and done. Written by the controller.', default: { observedGeneration: -1 } });

export type PolicyStatus = z.output<typeof policyStatus>;
export type TargetStatus = z.output<typeof target>;
export type VersionStatus = z.output<typeof version>;
export type PlanStatus = z.output<typeof plan>;
