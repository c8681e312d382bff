import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { COPY_REGIONS, FRIENDS, KEEP_DAYS, SOURCE_REGION, TAGS } from './job.ts';
import { runProgram } from './run-program.ts';
import { environmentFor, type Tool } from './tool.ts';

export const CUSTODIAN = fileURLToPath(new URL('custodian.txt', import.meta.url));

const young = { type: 'image-age', days: KEEP_DAYS, op: 'le' };
const old = { type: 'image-age', days: KEEP_DAYS, op: 'gt' };
/** By name: copies that it made carry no tags before the second policy. */
const ours = { type: 'value', key: 'Name', op: 'glob', value: 'web-*' };
/**
 * The job as a careful user writes it down: nothing that is about to go is copied or shared. Two runs, because one that is
 * given several regions goes through them by name, and would look for copies in eu-west-1 before any are made.
 */
const RUNS = [
  {
    regions: [SOURCE_REGION],
    policies: [
      ...COPY_REGIONS.map((region) => ({
        name: `copy-to-${region}`,
        resource: 'aws.ami',
        filters: [ours, young],
        actions: [{ type: 'copy', region }],
      })),
      share(),
      expire(),
    ],
  },
  {
    regions: COPY_REGIONS,
    policies: [
      { name: 'tag', resource: 'aws.ami', filters: [ours], actions: [{ type: 'tag', tags: TAGS }] },
      share(),
      expire(),
    ],
  },
];

function share(): object {
  const actions = [{ type: 'set-permissions', add: FRIENDS }];
  return { name: 'share', resource: 'aws.ami', filters: [ours, young], actions };
}

function expire(): object {
  const actions = [{ type: 'deregister', 'delete-snapshots': true }];
  return { name: 'expire', resource: 'aws.ami', filters: [ours, old], actions };
}

/** @param python the interpreter of an environment that has CUSTODIAN */
export function custodian(python: string, endpoint: string): Tool {
  const folder = mkdtempSync(join(tmpdir(), 'amifleet-custodian-'));
  const program = join(dirname(python), 'custodian');
  const environment = { ...environmentFor(endpoint), HOME: folder };
  return {
    run: async () => {
      for (const [index, { regions, policies }] of RUNS.entries()) {
        const file = join(folder, `run-${index}.json`);
        writeFileSync(file, JSON.stringify({ policies }));
        const where = regions.flatMap((region) => ['--region', region]);
        // Without its cache each policy lists anew, as it must: what the one before has made is to be seen.
        const args = ['run', '--output-dir', join(folder, 'out'), ...where, '--cache-period', '0', file];
        await runProgram(program, args, environment);
      }
    },
    stop: async () => rmSync(folder, { recursive: true, force: true }),
  };
}
