import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Runs every suite and ends with one plain line that counts them. What was skipped is named before it: a tier that needs
 * something this machine does not have (the real API server, moto) says so by itself.
 */
interface Assertion {
  readonly status: string;
  readonly fullName: string;
}
interface Summary {
  readonly success: boolean;
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly name: string;
    readonly message?: string;
    readonly assertionResults: readonly Assertion[];
  }[];
}

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'amifleet-test-'));
const output = join(folder, 'summary.json');
try {
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const arguments_ = [
    vitest,
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${output}`,
    ...process.argv.slice(2),
  ];
  const { status } = spawnSync(process.execPath, arguments_, { cwd: root, stdio: 'inherit' });
  process.exitCode = conclude(JSON.parse(readFileSync(output, 'utf8')) as Summary, status ?? 1);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function conclude(summary: Summary, status: number): number {
  const all = summary.testResults.flatMap(({ assertionResults }) => assertionResults);
  const skipped = all.filter((test) => test.status !== 'passed' && test.status !== 'failed');
  // A file that could not even be loaded has no tests to count.
  const broken = summary.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  for (const { fullName } of skipped) console.log(`skipped: ${fullName}`);
  for (const { name } of broken) console.log(`could not run: ${name}`);
  const failed = summary.numFailedTests + broken.length;
  console.log(`${summary.numPassedTests} passed, ${failed} failed, ${skipped.length} skipped`);
  return failed > 0 || status !== 0 ? 1 : 0;
}
