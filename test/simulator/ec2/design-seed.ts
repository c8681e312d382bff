/** The seed document of the design, as it is written there. */
export const DESIGN_SEED = `seed: 7                                   # all ids and delays follow from it
copySeconds: [20, 90]                     # how long copies take
accounts:
  "111122223333":
    us-east-1:
      defaultEncryption: {enabled: false} # optional kmsKeyId
      images:
        - {name: web-base-1, ageDays: 40, architecture: x86_64, tags: {app: web-base, release: stable}, volumesGiB: [8, 20]}
        - {id: ami-0123456789abcdef0, name: web-base-2, ageDays: 1, encrypted: true, kmsKeyId: alias/ami, launchPermissions: {accounts: ["444455556666"]}, lastLaunchedDays: 3}
      instances: [{image: web-base-1, tags: {}}]
      launchTemplates: [{name: web, image: web-base-1}]
      keys: [{alias: alias/ami, grantsTo: ["222233334444"]}]
  "222233334444": {disabledRegions: [ap-east-1]}
roles:
  - {arn: "arn:aws:iam::222233334444:role/amifleet", externalId: amifleet-prod, trusts: ["111122223333"]}
`;
