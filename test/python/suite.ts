import { describe } from 'vitest';
import { PythonUnavailable, pythonWith } from './venv.ts';

/**
 * A suite that needs Python with the packages of a requirements file; it gets the path of the interpreter. Where that
 * cannot be had the suite is skipped, and its name says why; with REQUIRE_MOTO=1 it fails instead. To be awaited at the top
 * of a test file.
 */
export async function describeWithPython(
  name: string,
  requirementsPath: string,
  suite: (python: string) => void,
): Promise<void> {
  const found = await pythonOrReason(requirementsPath);
  const note = 'because' in found ? ` (unavailable, because ${found.because})` : '';
  describe.runIf('python' in found)(`${name}${note}`, () => {
    suite('python' in found ? found.python : '');
  });
}

async function pythonOrReason(
  requirementsPath: string,
): Promise<{ readonly python: string } | { readonly because: string }> {
  try {
    return { python: await pythonWith(requirementsPath) };
  } catch (error) {
    if (!(error instanceof PythonUnavailable) || process.env['REQUIRE_MOTO'] === '1') throw error;
    return { because: error.message };
  }
}
