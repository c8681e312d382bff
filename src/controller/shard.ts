import type { KubeMetadata } from '../kube/kube-object.ts';
import type { LabelSelector } from '../kube/label-selector.ts';

type Labelled = { readonly metadata: Pick<KubeMetadata, 'labels'> };

/**
 * Whether a policy or an account is this controller's to work on. Every shard watches all of them all the same: who else
 * wants a source, and whether the policy that claimed one is still there, must be known of the others, too.
 */
export type Shard = (object: Labelled) => boolean;

export const EVERYTHING: Shard = () => true;

export const shardBy =
  (selector: LabelSelector): Shard =>
  ({ metadata }) =>
    selector(metadata.labels);
