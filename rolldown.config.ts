import { defineConfig } from 'rolldown';

/** One file that Node runs by itself: what the container image holds. */
export default defineConfig({
  input: 'src/cli/main.ts',
  platform: 'node',
  // client-node's and the SDK's ES modules are far smaller once what is unused is dropped.
  resolve: { mainFields: ['module', 'main'] },
  output: {
    file: 'dist/amifleet.js',
    format: 'esm',
    codeSplitting: false,
    minify: false,
  },
});
