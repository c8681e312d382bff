import { cpus, loadavg, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { table } from '../../src/cli/table.ts';
import type { Benchmark, Figure, Outcome } from './benchmark.ts';

/** Loaded one by one: what one benchmark has loaded is not in the way of the others. */
const BENCHMARKS: Readonly<Record<string, () => Promise<Benchmark>>> = {
  plan: async () => (await import('./plan.ts')).planBenchmark,
  'edit-latency': async () => (await import('./edit-latency.ts')).editLatency,
  inventory: async () => (await import('./inventory.ts')).inventory,
  'steady-state': async () => (await import('./steady-state.ts')).steadyState,
  converge: async () => (await import('./converge.ts')).converge,
  start: async () => (await import('./start.ts')).start,
  failover: async () => (await import('./failover/failover.ts')).failover,
  soak: async () => (await import('./soak/soak.ts')).soak,
  peers: async () => (await import('./peers/peers.ts')).peers,
};

const USAGE = `npm run bench -- [--json] [${Object.keys(BENCHMARKS).join('] [')}]`;

interface Ran {
  readonly benchmark: string;
  readonly about: string;
  /** Load of the machine over the last minute when it began: more than a little, and the figures are not worth much. */
  readonly load: number;
  readonly outcome: Outcome | { readonly kind: 'failed'; readonly because: string };
}

const { values, positionals } = parseArgs({ options: { json: { type: 'boolean' } }, allowPositionals: true });
const unknown = positionals.filter((name) => !Object.hasOwn(BENCHMARKS, name));
if (unknown.length > 0) {
  console.error(`There is no benchmark ${unknown.join(', ')}. Usage: ${USAGE}`);
  process.exit(1);
}

const ran: Ran[] = [];
for (const [name, load] of Object.entries(BENCHMARKS)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  const { about, run } = await load();
  const loadBefore = round(loadavg()[0] ?? 0);
  if (!values.json) console.error(`${name}: ${about} …`);
  const outcome = await run().catch((error: unknown) => ({
    kind: 'failed' as const,
    because: error instanceof Error ? (error.stack ?? error.message) : String(error),
  }));
  ran.push({ benchmark: name, about, load: loadBefore, outcome });
}
const machine = {
  cores: cpus().length,
  processor: cpus()[0]?.model ?? 'unknown',
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  node: process.version,
};
console.log(values.json ? JSON.stringify({ machine, benchmarks: ran }, null, 2) : inWords());
process.exitCode = ran.some(({ outcome }) => outcome.kind === 'failed') ? 1 : 0;

function inWords(): string {
  const rows = ran.flatMap(({ benchmark, outcome }) =>
    outcome.kind === 'measured' ? outcome.figures.map((figure) => [benchmark, ...cells(figure)]) : [],
  );
  const loads = ran.map(({ benchmark, load }) => `${benchmark} ${load}`).join(', ');
  return [
    ...(rows.length > 0
      ? [table(['benchmark', 'figure', 'measured', 'to reach', '', 'lower bound', 'ratio'], rows), '']
      : []),
    ...ran.flatMap(notesOn),
    `${machine.cores} cores (${machine.processor}), ${machine.memoryGiB} GiB, Node ${machine.node}; load before each: ${loads}`,
  ].join('\n');
}

function cells({ name, value, unit, goal, bound }: Figure): string[] {
  return [
    name,
    `${round(value)} ${unit}`,
    goal === undefined ? '' : `<= ${round(goal)} ${unit}`,
    goal === undefined ? '' : value <= goal ? 'reached' : 'MISSED',
    bound ? `${round(bound.value)} ${unit}` : '',
    bound && bound.value > 0 ? `${round(value / bound.value)} x` : '',
  ];
}

/** What the columns have no room for. A bound that several figures share is explained once. */
function notesOn({ benchmark, outcome }: Ran): string[] {
  if (outcome.kind !== 'measured') return [`${benchmark} ${outcome.kind}: ${outcome.because}`, ''];
  const bounds = new Set(outcome.figures.flatMap(({ bound }) => (bound ? [bound.why] : [])));
  const notes = [
    ...[...bounds].map((why) => `${benchmark}, lower bound: ${why}`),
    ...outcome.figures.flatMap(({ name, detail }) =>
      detail === undefined ? [] : [`${benchmark}, ${name}: ${detail}`],
    ),
  ];
  return notes.length > 0 ? [...notes, ''] : [];
}

function round(value: number): number {
  return Number(value.toPrecision(value >= 100 ? 4 : 3));
}
