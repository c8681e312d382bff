import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/controlplane/global-setup.ts'],
    // Processes, not threads: suites start servers and change their environment. Two, as small machines have.
    pool: 'forks',
    maxWorkers: 2,
    // Against hanging only: how fast a test is depends on what else the machine does.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
