import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import packageJson from '../../package.json' with { type: 'json' };
import { readDocuments } from '../../src/api/documents.ts';
import { parseSeed } from '../../src/simulator/ec2/seed.ts';
import { AmifleetProcess } from '../process/amifleet-process.ts';

const readme = readFileSync(fileURLToPath(new URL('../../README.md', import.meta.url)), 'utf8');
const blocks = [...readme.matchAll(/^( *)```(\w+)\n([\s\S]*?)^ *```/gm)].map(([, indent = '', kind, text = '']) => ({
  kind,
  text: text.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
}));

/** The text of the only block of a kind that holds a word. */
function block(kind: string, word: string): string {
  const found = blocks.filter(({ kind: other, text }) => other === kind && text.includes(word));
  expect(found).toHaveLength(1);
  return found[0]?.text ?? '';
}

describe('README.md', () => {
  let folder: string;
  let simulator: AmifleetProcess;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'amifleet-readme-'));
    simulator = new AmifleetProcess(['simulator', '--port', '0']);
  });
  afterAll(async () => {
    await simulator.kill('SIGTERM');
    rmSync(folder, { recursive: true });
  });

  it('shows the plan that its policy really has in the simulated AWS', async () => {
    const file = join(folder, 'web-base.yaml');
    writeFileSync(file, block('yaml', 'kind: AmiPolicy'));
    const [, url = ''] = await simulator.says(/Simulated AWS at (\S+)/);
    const plan = new AmifleetProcess(['plan', '-f', file], {
      AWS_ENDPOINT_URL: url,
      AWS_ACCESS_KEY_ID: 'AKIASIM111122223333',
      AWS_SECRET_ACCESS_KEY: 'x',
      AWS_REGION: 'us-east-1',
    });
    expect(await plan.ended).toMatchObject({ code: 2 });
    expect(plan.stdout.trimEnd()).toBe(block('console', 'amifleet plan').split('\n').slice(1).join('\n').trimEnd());
  });

  it('has an AwsAccount and a seed that are accepted', () => {
    const text = `${block('yaml', 'kind: AmiPolicy')}---\n${block('yaml', 'kind: AwsAccount')}`;
    expect(readDocuments(text, 'README.md').accounts).toHaveLength(1);
    expect(Object.keys(parseSeed(parse(block('yaml', 'copySeconds'))).accounts)).toHaveLength(2);
  });

  it('names the version that the image is tagged with', () => {
    expect(block('yaml', 'newTag')).toContain(`newTag: ${packageJson.version}`);
  });

  it('speaks of npm scripts and commands that there are', () => {
    const scripts = [...readme.matchAll(/npm run (?:--silent )?(\w+)/g)].map(([, name = '']) => name);
    expect(scripts.length).toBeGreaterThan(3);
    expect(scripts.filter((name) => !Object.hasOwn(packageJson.scripts, name))).toEqual([]);
  });
});
