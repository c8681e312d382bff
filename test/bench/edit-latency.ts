import { setTimeout as wait } from 'node:timers/promises';
import { DescribeImagesCommand, DescribeSnapshotsCommand, EC2Client } from '@aws-sdk/client-ec2';
import { between, seededRandom } from '../../src/ambient/random.ts';
import { availability } from '../controlplane/binaries.ts';
import type { SimulatedAws } from '../fleet/simulated-aws.ts';
import { BUILDERS } from '../fleet/worlds.ts';
import type { Benchmark, Figure } from './benchmark.ts';
import { type Edit, type EditScene, editScene, HOME, POLICY_COUNT } from './edits/edit-scene.ts';
import { WATCH_FAULTS, type WatchFault } from './edits/watch-proxy.ts';
import { quantile } from './quantile.ts';

const BUSY_EDITS = 150;
/** Somewhere in between lies the next edit, so that edits fall into every phase of what the controller does otherwise. */
const PAUSE_MS = { least: 50, most: 250 };
const CALM_EDITS = 3;
const CALM_MS = 60_000;
/** A watch that lasted so long is a good one to all: what went wrong before does not count any more. */
const BETWEEN_FAULTS_MS = 11_000;
const ROUNDS = { cut: 4, silent: 1, '410': 4, '429': 3, '500': 3 } as const satisfies Record<WatchFault, number>;
const READ_ROUNDS = 50;

const GOAL_P50_MS = 100;
const GOAL_P99_MS = 500;
const GOAL_FAULT_MS = 5000;
/** Who has not seen an edit after this is taken not to see it at all. */
const PATIENCE_MS = 30_000;

export const editLatency: Benchmark = {
  about: `edits that each add a region to one of ${POLICY_COUNT} policies, until EC2 sees the CopyImage: real API server, controller as deployed; in quick succession, after a minute of silence, and with the watch disturbed; beside it the informer of client-node`,
  run: async () => {
    const found = availability();
    if (found.kind === 'unavailable') return { kind: 'skipped', because: found.because };
    const scene = await editScene();
    try {
      return {
        kind: 'measured',
        figures: [...(await whileBusy(scene)), ...(await inCalm(scene)), ...(await underFaults(scene))],
      };
    } finally {
      await scene.stop();
    }
  },
};

async function whileBusy(scene: EditScene): Promise<Figure[]> {
  const random = seededRandom(41);
  const edits: Edit[] = [];
  for (let count = 0; count < BUSY_EDITS; count++) {
    await wait(between(random, PAUSE_MS.least, PAUSE_MS.most));
    edits.push(seen(await scene.edit(PATIENCE_MS)));
  }
  const round = await readRound(scene.aws);
  const of = (part: number, value: (edit: Edit) => number): number => quantile(edits.map(value), part);
  const needed = of(0.5, ({ readsOfTarget }) => readsOfTarget);
  const bound = {
    value: of(0.5, ({ sentToNotice }) => sentToNotice) + (needed > 0 ? round : 0),
    why: `from sending the PATCH until an undisturbed watch of the benchmark shows the edit${
      needed > 0 ? ', and the new target read once' : '; nothing has to be read, the sweep has seen the target'
    }`,
  };
  const detail = `from the answer of the PATCH; reads of the new target before its CopyImage: ${needed} (most: ${of(1, ({ readsOfTarget }) => readsOfTarget)}), and one round of them takes ${round.toFixed(1)} ms`;
  return [
    { name: 'busy: to the first CopyImage, p50', value: of(0.5, toCopy), unit: 'ms', goal: GOAL_P50_MS },
    { name: 'busy: to the first CopyImage, p99', value: of(0.99, toCopy), unit: 'ms', goal: GOAL_P99_MS, detail },
    { name: 'busy: to the first CopyImage, slowest', value: of(1, toCopy), unit: 'ms' },
    { name: 'busy: from sending the PATCH, p50', value: of(0.5, ({ sentToCopy }) => sentToCopy), unit: 'ms', bound },
    { name: 'busy: from sending the PATCH, p99', value: of(0.99, ({ sentToCopy }) => sentToCopy), unit: 'ms', bound },
    { name: 'busy: stock informer notices, p50', value: of(0.5, toInformer), unit: 'ms' },
    { name: 'busy: stock informer notices, p99', value: of(0.99, toInformer), unit: 'ms' },
  ];
}

async function inCalm(scene: EditScene): Promise<Figure[]> {
  const edits: Edit[] = [];
  for (let count = 0; count < CALM_EDITS; count++) {
    await wait(CALM_MS);
    edits.push(seen(await scene.edit(PATIENCE_MS)));
  }
  const slowest = (value: (edit: Edit) => number): number => Math.max(...edits.map(value));
  return [
    {
      name: 'calm: from sending the PATCH, slowest',
      value: slowest(({ sentToCopy }) => sentToCopy),
      unit: 'ms',
      goal: GOAL_P99_MS,
      bound: {
        value: slowest(({ sentToNotice }) => sentToNotice),
        why: 'an undisturbed watch of the benchmark shows the edit',
      },
      detail: `${CALM_EDITS} edits, each after ${CALM_MS / 1000} s in which nobody changed anything`,
    },
    { name: 'calm: to the first CopyImage, slowest', value: slowest(toCopy), unit: 'ms' },
    { name: 'calm: stock informer notices, slowest', value: slowest(toInformer), unit: 'ms' },
  ];
}

async function underFaults(scene: EditScene): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const fault of WATCH_FAULTS) {
    const edits: Edit[] = [];
    for (let round = 0; round < ROUNDS[fault]; round++) {
      await wait(BETWEEN_FAULTS_MS);
      scene.proxy.break(fault);
      edits.push(await scene.edit(PATIENCE_MS));
      scene.proxy.heal();
      if (edits.some((edit) => !isSeen(edit))) await wait(PATIENCE_MS);
    }
    const slowest = (value: (edit: Edit) => number): number => Math.min(PATIENCE_MS, Math.max(...edits.map(value)));
    const given = edits.some((edit) => !isSeen(edit)) ? `; ${PATIENCE_MS} ms stand for: not seen in that time` : '';
    figures.push(
      {
        name: `${NAMES[fault]}: to the first CopyImage, slowest`,
        value: slowest(toCopy),
        unit: 'ms',
        goal: GOAL_FAULT_MS,
        bound: {
          value: slowest(({ sentToNotice }) => sentToNotice),
          why: 'an undisturbed watch of the benchmark shows the edit',
        },
        detail: `${edits.length} edits, each made when ${SAID[fault]}${given}`,
      },
      { name: `${NAMES[fault]}: stock informer notices, slowest`, value: slowest(toInformer), unit: 'ms' },
    );
  }
  return figures;
}

const NAMES = {
  cut: 'watch cut',
  silent: 'watch silent',
  '410': 'watch answered 410',
  '429': 'watch answered 429',
  '500': 'watch answered 500',
} as const satisfies Record<WatchFault, string>;

const SAID = {
  cut: 'the connections of all watches have just broken',
  silent: 'nothing comes on any open watch any more, though its connection stays',
  '410': 'all watches have just broken, and each client gets 410 for its next one',
  '429': 'all watches have just broken, and each client gets 429 with Retry-After: 1 for its next two',
  '500': 'all watches have just broken, and each client gets 500 for its next two',
} as const satisfies Record<WatchFault, string>;

const toCopy = (edit: Edit): number => edit.toCopy;
const toInformer = (edit: Edit): number => edit.toInformer;
const isSeen = (edit: Edit): boolean => Object.values(edit).every(Number.isFinite);

function seen(edit: Edit): Edit {
  if (!isSeen(edit)) throw new Error(`an edit was not seen within ${PATIENCE_MS} ms: ${JSON.stringify(edit)}`);
  return edit;
}

/** Milliseconds that a target takes to be read once: images and snapshots side by side. The median of many. */
async function readRound(aws: SimulatedAws): Promise<number> {
  const client = new EC2Client({
    endpoint: aws.url,
    region: HOME,
    credentials: { accessKeyId: `AKIASIM${BUILDERS}`, secretAccessKey: 'simulated' },
  });
  const times: number[] = [];
  for (let round = 0; round < READ_ROUNDS; round++) {
    const begun = performance.now();
    await Promise.all([
      client.send(new DescribeImagesCommand({ Owners: ['self'], MaxResults: 1000 })),
      client.send(new DescribeSnapshotsCommand({ OwnerIds: ['self'], MaxResults: 1000 })),
    ]);
    times.push(performance.now() - begun);
  }
  client.destroy();
  return quantile(times, 0.5);
}
