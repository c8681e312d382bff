import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { describeWithPython } from './suite.ts';
import { PythonUnavailable, pythonWith } from './venv.ts';

// Installing takes seconds, and half a minute on a busy machine.
vi.setConfig({ testTimeout: 90_000 });

/** An empty requirements file is a whole environment without a package: nothing is asked of the network. */
const EMPTY = fileURLToPath(new URL('empty.txt', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'amifleet-venv-'));
const cache = join(folder, 'python');
const environment: NodeJS.ProcessEnv = { ...process.env, AMIFLEET_TEST_CACHE: folder };
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const requirements = (text: string): string => {
  const path = join(folder, 'requirements.txt');
  writeFileSync(path, text);
  return path;
};

describe('what cannot be had is said', () => {
  it.each([
    ['no python3', 'exit 127', 'there is no python3'],
    ['an old one', 'echo 3 9', 'python 3.9 is too old (3.10 is needed)'],
    ['one without venv', 'case "$3" in *ensurepip*) exit 1;; esac; echo 3 11', 'without its venv module'],
  ])('%s', async (_case, text, because) => {
    const bin = join(folder, 'bin');
    mkdirSync(bin, { recursive: true });
    writeFileSync(join(bin, 'python3'), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    const asked = pythonWith(requirements('# never made'), { ...environment, PATH: bin });
    await expect(asked).rejects.toThrow(because);
    await expect(asked).rejects.toBeInstanceOf(PythonUnavailable);
  });
});

await describeWithPython('an environment from a requirements file', EMPTY, () => {
  it('is made once by three builders at the same time, and clears away what a killed one left long ago', async () => {
    const remains = join(cache, '0123456789abcdef.01234567');
    mkdirSync(join(remains, 'bin'), { recursive: true });
    const old = new Date(Date.now() - 2 * 3_600_000);
    utimesSync(remains, old, old);
    const builder = `import { pythonWith } from ${JSON.stringify(new URL('venv.ts', import.meta.url).href)};
      console.log(await pythonWith(${JSON.stringify(EMPTY)}));`;
    const execute = promisify(execFile);
    const answers = await Promise.all(
      [1, 2, 3].map(() => execute(process.execPath, ['--input-type=module', '-e', builder], { env: environment })),
    );
    const python = await pythonWith(EMPTY, environment);
    expect(new Set(answers.map(({ stdout }) => stdout.trim()))).toEqual(new Set([python]));
    const { stdout } = await execute(python, ['-c', 'import sys; print(sys.prefix != sys.base_prefix)']);
    expect(stdout).toBe('True\n');
    // The environment and the link to it.
    expect(readdirSync(cache)).toHaveLength(2);
  });

  it('is made again when the interpreter under it is gone', async () => {
    const python = await pythonWith(EMPTY, environment);
    rmSync(python);
    symlinkSync(join(folder, 'gone'), python);
    expect(await pythonWith(EMPTY, environment)).toBe(python);
    execFileSync(python, ['-c', '']);
  });

  it('fails, and not as unavailable, where the file is wrong; nothing of it is kept', async () => {
    const before = readdirSync(cache);
    const asked = pythonWith(requirements('./no-such-package-here\n'), environment);
    await expect(asked).rejects.toThrow('pip could not install');
    await expect(asked).rejects.not.toBeInstanceOf(PythonUnavailable);
    expect(readdirSync(cache)).toEqual(before);
  });

  it('is unavailable where no package index answers', async () => {
    // A port that nothing listens on.
    const offline = { ...environment, PIP_INDEX_URL: 'http://127.0.0.1:9/simple', PIP_FIND_LINKS: '' };
    const asked = pythonWith(requirements('moto==5.2.3\n'), offline);
    await expect(asked).rejects.toThrow('pip cannot reach a package index');
    await expect(asked).rejects.toBeInstanceOf(PythonUnavailable);
  });
});
