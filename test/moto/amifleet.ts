import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { HOME, KEYS, OTHER } from './moto-server.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

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
    return await new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [MAIN, ...command, '-f', file], {
        env: {
          PATH: process.env['PATH'],
          HOME: folder,
          AWS_ENDPOINT_URL: endpoint,
          AWS_REGION: 'us-east-1',
          AWS_ACCESS_KEY_ID: KEYS.accessKeyId,
          AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
        },
      });
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', (data: Buffer) => {
        stdout += data.toString();
      });
      child.stderr.on('data', (data: Buffer) => {
        stderr += data.toString();
      });
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, stdout, stderr }));
    });
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
