import { parse, parseAllDocuments } from 'yaml';
import type { KubeObject } from '../../kube/kube-object.ts';
import { parseSeed, type Seed } from '../../simulator/ec2/seed.ts';

export const BUILDERS = '111122223333';
export const PRODUCTION = '222233334444';
export const SOURCE_REGION = 'us-east-1';
export const NAMESPACE = 'platform';
export const POLICY = 'golden';
/** An account that the policy shares with: the one from which a permission is taken by hand. */
export const CONSUMER = '444455556666';

/** The simulated AWS that the demo starts with: eight images of two families, and a second account. */
export function demoSeed(): Seed {
  return parseSeed(
    parse(`
seed: 7
copySeconds: [20, 90]
accounts:
  "${BUILDERS}":
    ${SOURCE_REGION}:
      images:
        - {name: web-base-1, ageDays: 40, tags: {app: web-base, release: stable}, volumesGiB: [8, 20]}
        - {name: web-base-2, ageDays: 30, tags: {app: web-base, release: stable}, volumesGiB: [8, 20]}
        - {name: web-base-3, ageDays: 20, tags: {app: web-base, release: stable}, volumesGiB: [8, 20]}
        - {name: web-base-4, ageDays: 10, tags: {app: web-base, release: stable}, volumesGiB: [8, 20]}
        - {name: db-base-1, ageDays: 41, tags: {app: db-base, release: stable}, volumesGiB: [16]}
        - {name: db-base-2, ageDays: 31, tags: {app: db-base, release: stable}, volumesGiB: [16]}
        - {name: db-base-3, ageDays: 21, tags: {app: db-base, release: stable}, volumesGiB: [16]}
        - {name: db-base-4, ageDays: 11, tags: {app: db-base, release: stable}, volumesGiB: [16]}
  "${PRODUCTION}": {}
roles:
  - {arn: "arn:aws:iam::${PRODUCTION}:role/amifleet", externalId: amifleet-demo, trusts: ["${BUILDERS}"]}
`),
  );
}

/** What the operator of the demo applies. */
const DOCUMENTS = `apiVersion: amifleet.io/v1alpha1
kind: AwsAccount
metadata: {name: "${BUILDERS}"}
spec:
  namespaces: [${NAMESPACE}]
---
apiVersion: amifleet.io/v1alpha1
kind: AwsAccount
metadata: {name: "${PRODUCTION}"}
spec:
  roleArn: arn:aws:iam::${PRODUCTION}:role/amifleet
  externalId: amifleet-demo
  namespaces: [${NAMESPACE}]
---
apiVersion: amifleet.io/v1alpha1
kind: AmiPolicy
metadata: {name: ${POLICY}, namespace: ${NAMESPACE}}
spec:
  source:
    account: "${BUILDERS}"
    region: ${SOURCE_REGION}
    images:
      tags: {release: stable}
    groupBy: [app]
  regions:
    - {name: us-east-1}
    - {name: us-west-2}
    - {name: eu-west-1}
    - {name: ap-southeast-2}
  accounts:
    - {id: "${PRODUCTION}"}
  tags:
    add: {team: platform}
  sharing:
    accounts: ["${CONSUMER}", "555566667777"]
    organizationalUnits: ["arn:aws:organizations::${BUILDERS}:ou/o-abc1234567/ou-ab12-cdef1234"]
  retention:
    keepNewest: 3
    deleteAfterDays: 1
`;

/** The documents as objects, in the order in which they are applied. */
export const demoObjects = (): KubeObject[] =>
  parseAllDocuments(DOCUMENTS).map((document) => document.toJS() as KubeObject);
