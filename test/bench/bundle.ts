import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import config from '../../rolldown.config.ts';

/** Makes the bundle, as `npm run build` does. @param file where it goes */
export async function buildBundle(file: string): Promise<void> {
  const { output, ...input } = config;
  if (Array.isArray(output)) throw new Error('rolldown.config.ts makes more than one file');
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  const bundle = await rolldown({ ...input, cwd, logLevel: 'silent' });
  await bundle.write({ ...output, file });
  await bundle.close();
}
