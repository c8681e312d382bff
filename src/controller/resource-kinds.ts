import { AMI_POLICY, AWS_ACCOUNT, GROUP, VERSION } from '../api/group.ts';
import type { ResourceKind } from '../kube/resource-client.ts';

export const POLICIES: ResourceKind = {
  group: GROUP,
  version: VERSION,
  plural: AMI_POLICY.plural,
  kind: AMI_POLICY.kind,
  namespaced: true,
};
export const ACCOUNTS: ResourceKind = {
  group: GROUP,
  version: VERSION,
  plural: AWS_ACCOUNT.plural,
  kind: AWS_ACCOUNT.kind,
  namespaced: false,
};
export const NAMESPACES: ResourceKind = {
  group: '',
  version: 'v1',
  plural: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
};
