import type { KubeObject, ResourceClient } from '../kube/resource-client.ts';

/**
 * Which cluster this is: part of the identity of every copy. By default the UID of the namespace kube-system, which a
 * cluster keeps for life; `--cluster-id` makes a rebuilt cluster the same one.
 */
export async function clusterIdOf(given: string | undefined, namespaces: ResourceClient<KubeObject>): Promise<string> {
  if (given !== undefined) return given;
  const { metadata } = await namespaces.get('kube-system');
  if (!metadata.uid) throw new Error('the namespace kube-system has no UID: give the cluster an id with --cluster-id');
  return metadata.uid;
}
