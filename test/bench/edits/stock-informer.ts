import {
  CustomObjectsApi,
  ERROR,
  KubeConfig,
  type KubernetesObject,
  makeInformer,
  UPDATE,
} from '@kubernetes/client-node';
import { POLICIES } from '../../../src/controller/resource-kinds.ts';

/** As in its documentation: an informer that has given up is started anew after this. */
const RESTART_MS = 5000;

/**
 * The informer of @kubernetes/client-node over policies, used as its documentation shows.
 * @param onUpdate is told of every change that it notices
 */
export async function stockInformer(
  { server, token }: { readonly server: string; readonly token: string },
  namespace: string,
  onUpdate: (policy: KubernetesObject) => void,
): Promise<{ stop(): Promise<void> }> {
  const config = new KubeConfig();
  const name = 'bench';
  config.loadFromOptions({
    // It talks plain HTTP to nobody otherwise.
    clusters: [{ name, server, skipTLSVerify: true }],
    users: [{ name, token }],
    contexts: [{ name, cluster: name, user: name }],
    currentContext: name,
  });
  const api = config.makeApiClient(CustomObjectsApi);
  const { group, version, plural } = POLICIES;
  const path = `/apis/${group}/${version}/namespaces/${namespace}/${plural}`;
  const informer = makeInformer<KubernetesObject>(config, path, () =>
    api.listNamespacedCustomObject({ group, version, namespace, plural }),
  );
  let restart: NodeJS.Timeout | undefined;
  informer.on(UPDATE, onUpdate);
  informer.on(ERROR, () => {
    restart = setTimeout(() => void informer.start(), RESTART_MS);
  });
  await informer.start();
  return {
    stop: async () => {
      clearTimeout(restart);
      await informer.stop();
    },
  };
}
