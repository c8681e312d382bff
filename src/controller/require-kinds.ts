import { AMI_POLICY, API_VERSION, AWS_ACCOUNT } from '../api/group.ts';
import { failureOf } from '../kube/status-failure.ts';
import type { Transport } from '../kube/transport.ts';

/**
 * Makes sure that the API server knows both kinds. A watch of a kind that is not there would be tried for ever without a
 * word to whoever forgot to install it.
 * @throws Error that says how to install them; KubeError when the API server does not answer that question
 */
export async function requireKinds(transport: Transport): Promise<void> {
  const response = await transport.send({ method: 'GET', path: `/apis/${API_VERSION}` });
  const text = await response.text();
  if (response.status !== 404 && response.status !== 200) throw failureOf(`discover ${API_VERSION}`, response, text);
  const served = response.status === 200 ? namesIn(text) : new Set<string>();
  const missing = [AMI_POLICY, AWS_ACCOUNT].map(({ plural }) => plural).filter((plural) => !served.has(plural));
  if (missing.length === 0) return;
  throw new Error(
    `the API server does not serve ${missing.join(' and ')} of ${API_VERSION}. Install the CRDs with: amifleet crds | kubectl apply -f -`,
  );
}

function namesIn(text: string): Set<string> {
  const { resources = [] } = JSON.parse(text) as { readonly resources?: readonly { readonly name: string }[] };
  return new Set(resources.map(({ name }) => name));
}
