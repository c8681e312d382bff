import { once } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { systemClock } from '../../src/ambient/clock.ts';
import { systemRandom } from '../../src/ambient/random.ts';
import { AwsClients } from '../../src/aws/aws-clients.ts';
import { Interner } from '../../src/aws/interner.ts';
import { listImages, listSnapshots } from '../../src/aws/listing.ts';
import { indexOf } from '../../src/policy/image-index.ts';
import type { Benchmark, Figure } from './benchmark.ts';
import { PAGE } from './listings/ec2-pages.ts';
import { ACCOUNT, IMAGES, pageIn, REGIONS } from './listings/million.ts';

const MILLION = IMAGES * REGIONS.length;
const BYTES_GOAL = 500;
const LAG_GOAL_MS = 50;
/** Milliseconds between looks at the clock: so much of the lag is of the measuring. */
const RESOLUTION_MS = 5;

export const inventory: Benchmark = {
  about: `${MILLION.toLocaleString('en')} images in ${REGIONS.length} targets, read over HTTP from another thread and kept as the controller keeps them`,
  run: async () => {
    const worker = new Worker(new URL('./listings/listing-server.ts', import.meta.url));
    try {
      const [port] = (await once(worker, 'message')) as [number];
      const clients = new AwsClients({
        clock: systemClock,
        random: systemRandom,
        homeRegion: REGIONS[0] ?? '',
        endpoint: `http://127.0.0.1:${port}`,
        base: () => Promise.resolve({ accessKeyId: 'K', secretAccessKey: 's' }),
      });
      const figures = [...(await reading(clients)), ...(await keeping(clients))];
      clients.close();
      return { kind: 'measured', figures };
    } finally {
      await worker.terminate();
    }
  },
};

const ec2In = (clients: AwsClients, region: string): ReturnType<AwsClients['ec2']> =>
  clients.ec2({ account: ACCOUNT, region }, { account: ACCOUNT });

/** Reads the images of one target, once to warm up and once to measure. */
async function reading(clients: AwsClients): Promise<Figure[]> {
  const interner = new Interner();
  await listImages(ec2In(clients, REGIONS[1] ?? ''), 'own', {}, interner);
  const lag = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  lag.enable();
  const begun = process.threadCpuUsage();
  const images = await listImages(ec2In(clients, REGIONS[2] ?? ''), 'own', {}, interner);
  const { user, system } = process.threadCpuUsage(begun);
  lag.disable();
  if (images.size !== IMAGES) throw new Error(`${images.size} images were read`);
  const perThousand = (user + system) / 1000 / (IMAGES / 1000);
  const lagMs = (quantile: number): number => lag.percentile(quantile) / 1e6 - RESOLUTION_MS;
  return [
    {
      name: 'reading 1,000 images, CPU',
      value: perThousand,
      unit: 'ms',
      bound: { value: decodingMs(), why: 'the answer is decoded and looked through for elements, once' },
      detail: `${Math.round(1e6 / perThousand).toLocaleString('en')} images a second, with HTTP, signing and keeping them`,
    },
    {
      name: `event-loop lag while reading ${IMAGES.toLocaleString('en')} images, p99`,
      value: lagMs(99),
      unit: 'ms',
      goal: LAG_GOAL_MS,
      detail: `the longest ${Math.round(lagMs(100))} ms, the median ${lagMs(50).toFixed(1)} ms; a page of ${PAGE.toLocaleString('en')} is read without a pause`,
    },
  ];
}

function decodingMs(): number {
  const page = new TextEncoder().encode(pageIn('DescribeImages', 1, 0));
  const times = Array.from({ length: 7 }, () => {
    const begun = process.threadCpuUsage();
    const text = new TextDecoder().decode(page);
    let elements = 0;
    for (let at = text.indexOf('<'); at >= 0; at = text.indexOf('<', at + 1)) elements++;
    if (elements < PAGE) throw new Error('there is nothing in the page');
    const { user, system } = process.threadCpuUsage(begun);
    return (user + system) / 1000;
  });
  return Math.min(...times);
}

/** What all images take of the heap, with what plans look up in them; and what their snapshots take beside them. */
async function keeping(clients: AwsClients): Promise<Figure[]> {
  const interner = new Interner();
  const empty = heapUsed();
  const images = [];
  for (const region of REGIONS) images.push(await listImages(ec2In(clients, region), 'own', {}, interner));
  const unfinished = images.reduce((sum, each) => sum + indexOf(each).unfinished.length, 0);
  const withImages = heapUsed();
  const snapshots = [];
  for (const region of REGIONS) snapshots.push(await listSnapshots(ec2In(clients, region), {}, interner));
  const withSnapshots = heapUsed();
  const kept = images.reduce((sum, { size }) => sum + size, 0);
  const keptSnapshots = snapshots.reduce((sum, { size }) => sum + size, 0);
  if (kept !== MILLION || unfinished > 0) throw new Error(`${kept} images were kept`);
  return [
    {
      name: `memory of an image at ${MILLION.toLocaleString('en')}`,
      value: (withImages - empty) / kept,
      unit: 'bytes',
      goal: BYTES_GOAL,
      bound: { value: 42, why: 'the characters of its id and of that of its snapshot, which no other image has' },
      detail: `${Math.round((withImages - empty) / 2 ** 20)} MiB in all; of each version there are ${REGIONS.length} images`,
    },
    { name: 'memory of a snapshot beside it', value: (withSnapshots - withImages) / keptSnapshots, unit: 'bytes' },
  ];
}

function heapUsed(): number {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  gc();
  gc();
  return process.memoryUsage().heapUsed;
}
