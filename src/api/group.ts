/** The API group of both kinds. */
export const GROUP = 'amifleet.io';
/** The one version served and stored. */
export const VERSION = 'v1alpha1';
/** What goes into `apiVersion`. */
export const API_VERSION = `${GROUP}/${VERSION}` as const;

/** How a kind is called on the command line and in request paths. */
export interface KindNames {
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly listKind: string;
  readonly shortNames: readonly string[];
  readonly namespaced: boolean;
}

export const AMI_POLICY: KindNames = {
  kind: 'AmiPolicy',
  plural: 'amipolicies',
  singular: 'amipolicy',
  listKind: 'AmiPolicyList',
  shortNames: ['amip'],
  namespaced: true,
};

export const AWS_ACCOUNT: KindNames = {
  kind: 'AwsAccount',
  plural: 'awsaccounts',
  singular: 'awsaccount',
  listKind: 'AwsAccountList',
  shortNames: ['awsacct'],
  namespaced: false,
};

/** Set on a policy: its value must name the generation whose mass withdrawal the operator has confirmed. */
export const CONFIRM_WITHDRAWAL_ANNOTATION = `${GROUP}/confirm-withdrawal`;
/** Set on a policy to any new value: reconcile now, whatever the timers say. */
export const RECONCILE_ANNOTATION = `${GROUP}/reconcile`;
/** Set on a policy: accounts, and targets as account/region, with commas between them, that are let go as they are. */
export const ABANDON_ANNOTATION = `${GROUP}/abandon`;
/** Kept on a policy from its first change in AWS until nothing of it is left to do there. */
export const FINALIZER = `${GROUP}/images`;
