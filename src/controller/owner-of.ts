import type { AmiPolicy } from '../api/ami-policy.ts';
import type { Owner } from '../policy/identity.ts';

/** As whose the images of a policy of a cluster are marked. */
export function ownerOf({ metadata, spec }: AmiPolicy, cluster: string): Owner {
  const { name, namespace = '', uid = '' } = metadata;
  const { account, region } = spec.source;
  return { cluster, namespace, name, uid, source: { account, region } };
}
