// Loaded before the program by `--import`, with `--expose-gc`: on SIGUSR2 it says what of the heap is really in use.
process.on('SIGUSR2', () => {
  const collect = globalThis.gc;
  if (!collect) throw new Error('run it with --expose-gc');
  // What finalizers let go of in the first one is collected in the second.
  collect();
  collect();
  process.stdout.write(`heap in use: ${process.memoryUsage().heapUsed} bytes\n`);
});
