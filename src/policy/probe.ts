import type { Tags, Target } from './model.ts';

/** Actions that are asked about on an image, with nothing more to say. */
export type ImageProbe =
  | 'CreateImageUsageReport'
  | 'DeregisterImage'
  | 'DescribeImageReferences'
  | 'DisableImage'
  | 'DisableImageDeprecation'
  | 'DisableImageDeregistrationProtection'
  | 'EnableImage'
  | 'EnableImageDeregistrationProtection'
  | 'ModifyImageAttribute';

/**
 * A call that the policy will need, asked as a dry run: EC2 then says whether it would be allowed, and does nothing. It is
 * about the very image or snapshot that the call would be about, because what is allowed may depend on its tags.
 */
export type Probe =
  | {
      readonly action: 'CopyImage';
      readonly origin: { readonly imageId: string } & Target;
      readonly name: string;
      readonly tags: Tags;
    }
  /** `tags` are such as it has, or is to get. */
  | { readonly action: 'CreateTags'; readonly of: 'source' | 'copy'; readonly imageId: string; readonly tags: Tags }
  | { readonly action: 'DeleteTags'; readonly of: 'source' | 'copy'; readonly imageId: string }
  /** `at`: some time to come, milliseconds since the epoch. */
  | {
      readonly action: 'EnableImageDeprecation';
      readonly of: 'copy';
      readonly imageId: string;
      readonly at: number;
    }
  | { readonly action: ImageProbe; readonly of: 'source' | 'copy'; readonly imageId: string }
  | {
      readonly action: 'DeleteSnapshot' | 'ModifySnapshotAttribute';
      readonly of: 'source' | 'copy';
      readonly snapshotId: string;
    };

/** What a dry run has shown. */
export type Permission =
  | { readonly kind: 'allowed' }
  | {
      readonly kind: 'denied';
      /** As IAM calls it, such as `ec2:CopyImage`; a copy needs more than the action itself. */
      readonly action: string;
      /** Whom AWS refuses, as far as it says so: a role, or the ARN of something else. */
      readonly who?: string;
      /** Why, as a clause: `because no identity-based policy allows the ec2:CopyImage action`. */
      readonly why: string;
    }
  /** EC2 has said something else, or the endpoint knows no dry runs: that proves nothing. */
  | { readonly kind: 'unproven' };

/** What one answer stands for, whoever asks: an action, on sources or on copies. */
export const probeKey = (probe: Probe): string =>
  probe.action === 'CopyImage' ? probe.action : `${probe.action} ${probe.of}`;
