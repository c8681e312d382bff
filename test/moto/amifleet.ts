import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { AmifleetProcess } from '../process/amifleet-process.ts';
import { HOME, KEYS, OTHER } from './moto-server.ts';

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command line from source, as a person would who has set the SDK's usual variables. */
export async function amifleet(
  endpoint: string,
  command: readonly string[],
  documents: readonly object[],
): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), 'amifleet-moto-'));
  const file = join(folder, 'policies.yaml');
  writeFileSync(file, documents.map((document) => stringify(document)).join('---\n'));
  try {
    const process = new AmifleetProcess([...command, '-f', file], {
      HOME: folder,
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: KEYS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
    });
    const { code } = await process.ended;
    return { code, stdout: process.stdout, stderr: process.stderr };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const API = { apiVersion: 'amifleet.io/v1alpha1' };

/** The other account is reached by a role, the home account with the keys in hand. */
export const ACCOUNTS = [
  { ...API, kind: 'AwsAccount', metadata: { name: HOME }, spec: { namespaces: ['platform'] } },
  {
    ...API,
    kind: 'AwsAccount',
    metadata: { name: OTHER },
    spec: { roleArn: `arn:aws:iam::${OTHER}:role/amifleet`, externalId: 'amifleet-prod', namespaces: ['platform'] },
  },
];

/** An AmiPolicy of the namespace platform. */
export const policy = (name: string, spec: object): object => ({
  ...API,
  kind: 'AmiPolicy',
  metadata: { name, namespace: 'platform' },
  spec,
});
