import http from 'node:http';
import { defineConfig, type RolldownPlugin } from 'rolldown';

/**
 * An `import` of node:http makes Node look at each of its exports, some of which load the whole of its `fetch`: an eighth
 * of the time until the controller is ready. A module of our own, with the exports that load nothing, stands for it.
 */
const httpWithoutFetch: RolldownPlugin = {
  name: 'http-without-fetch',
  resolveId: (id, _, { kind }) =>
    kind === 'import-statement' && (id === 'node:http' || id === 'http') ? '\0node:http' : undefined,
  load: (id) => {
    if (id !== '\0node:http') return undefined;
    const names = Object.entries(Object.getOwnPropertyDescriptors(http))
      .filter(([name, property]) => 'value' in property && name !== 'default')
      .map(([name]) => name);
    return `const http = process.getBuiltinModule('node:http');\nexport default http;\nexport const { ${names.join(', ')} } = http;\n`;
  },
};

/** One file that Node runs by itself: what the container image holds. */
export default defineConfig({
  input: 'src/cli/main.ts',
  platform: 'node',
  // client-node's and the SDK's ES modules are far smaller once what is unused is dropped.
  resolve: { mainFields: ['module', 'main'] },
  plugins: [httpWithoutFetch],
  output: {
    file: 'dist/amifleet.js',
    format: 'esm',
    codeSplitting: false,
    minify: false,
  },
});
