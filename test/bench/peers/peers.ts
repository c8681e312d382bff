import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { DescribeImagesCommand } from '@aws-sdk/client-ec2';
import { type Moto, REQUIREMENTS, startMoto } from '../../moto/moto-server.ts';
import { PythonUnavailable, pythonWith } from '../../python/venv.ts';
import type { Benchmark, Figure } from '../benchmark.ts';
import { buildBundle } from '../bundle.ts';
import { quantile } from '../quantile.ts';
import { amifleet, RESYNC_MS } from './amifleet.ts';
import { CUSTODIAN, custodian } from './custodian.ts';
import { COPY_REGIONS, fleet, isRight, OLD, REGIONS, SOURCE_REGION, standing, YOUNG } from './job.ts';
import { type RecordedCall, recordingProxy } from './recording-proxy.ts';

const DELAYS_MS = [0, 50, 200];
/** Each copy, each permission, each deregistration and each deletion of a snapshot is a call of its own in EC2. */
const LEAST_MUTATIONS = YOUNG * COPY_REGIONS.length + YOUNG * REGIONS.length + 2 * OLD;
/** Listing, copying, seeing the copy, sharing it: none of them can begin before the one before has ended. */
const LEAST_CHAIN = 4;
const ROUNDS = 50;

/** What a run did. */
interface Run {
  readonly ms: number;
  /** Until every image that is to stay is there, tagged and shared; and until every other one is deregistered. */
  readonly sharedMs: number;
  readonly expiredMs: number;
  readonly calls: readonly RecordedCall[];
}

export const peers: Benchmark = {
  about: `${YOUNG} images copied to ${COPY_REGIONS.length} regions and shared with 2 accounts, ${OLD} older ones and their snapshots deleted: by Cloud Custodian and by amifleet, on the same moto`,
  run: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'amifleet-peers-'));
    let moto: Moto | undefined;
    try {
      const python = await pythonWith(CUSTODIAN);
      moto = await startMoto(await pythonWith(REQUIREMENTS), { evidence: true });
      const bundle = join(folder, 'amifleet.js');
      await buildBundle(bundle);
      const serviceMs = await serviceTime(moto);
      const figures: Figure[] = [];
      for (const delayMs of DELAYS_MS)
        figures.push(
          ...compared(
            delayMs,
            serviceMs,
            await byCustodian(moto, python, delayMs),
            await byAmifleet(moto, bundle, delayMs),
          ),
        );
      return { kind: 'measured', figures };
    } catch (error) {
      if (error instanceof PythonUnavailable) return { kind: 'skipped', because: error.message };
      throw error;
    } finally {
      await moto?.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

interface Runs {
  readonly first: Run;
  /** The same again, when nothing has changed. */
  readonly second: Run;
  /** What became of it, where it is not as it was. */
  readonly afterwards: string;
}

async function byCustodian(moto: Moto, python: string, delayMs: number): Promise<Runs> {
  await moto.reset(fleet(Date.now()));
  const proxy = await recordingProxy(moto.endpoint, delayMs);
  const tool = custodian(python, proxy.url);
  try {
    const first = await timed(proxy.take, tool.run);
    if (!isRight(await standing(moto))) throw new Error(`Cloud Custodian left ${JSON.stringify(await standing(moto))}`);
    const second = await timed(proxy.take, tool.run);
    const { duplicates } = await standing(moto);
    return { first, second, afterwards: `${duplicates} images are there twice then` };
  } finally {
    await tool.stop();
    await proxy.stop();
  }
}

async function byAmifleet(moto: Moto, bundle: string, delayMs: number): Promise<Runs & { readonly anew: Run }> {
  await moto.reset(fleet(Date.now()));
  const proxy = await recordingProxy(moto.endpoint, delayMs);
  const tool = await amifleet(bundle, moto, proxy.url);
  const checked = async (): Promise<void> => {
    if (!isRight(await standing(moto))) throw new Error(`amifleet left ${JSON.stringify(await standing(moto))}`);
  };
  try {
    const first = await timed(proxy.take, tool.run);
    await checked();
    // What was just written is read once more when EC2 shows it for certain; after that a look is like any other.
    await wait(2 * RESYNC_MS);
    proxy.take();
    const second = await timed(proxy.take, () => wait(RESYNC_MS));
    const anew = await timed(proxy.take, tool.restart);
    await checked();
    return { first, second, anew, afterwards: 'nothing has changed' };
  } finally {
    await tool.stop();
    await proxy.stop();
  }
}

async function timed(take: () => RecordedCall[], run: () => Promise<void>): Promise<Run> {
  const begun = performance.now();
  await run();
  const ms = performance.now() - begun;
  const calls = take();
  const last = (...actions: readonly string[]): number =>
    Math.max(0, ...calls.filter(({ action }) => actions.includes(action)).map(({ ended }) => ended - begun));
  const sharedMs = last('CopyImage', 'ModifyImageAttribute');
  return { ms, sharedMs, expiredMs: Math.max(sharedMs, last('DeregisterImage')), calls };
}

function compared(delayMs: number, serviceMs: number, theirs: Runs, ours: Runs & { readonly anew: Run }): Figure[] {
  const at = (what: string): string => `${delayMs} ms a call: ${what}`;
  const time = {
    value: Math.max(LEAST_CHAIN * (delayMs + serviceMs), (LEAST_MUTATIONS + 1) * serviceMs),
    why: `${LEAST_CHAIN} calls that follow from each other, or as long as moto is busy with ${LEAST_MUTATIONS + 1} calls, ${serviceMs.toFixed(1)} ms each and one at a time`,
  };
  const mutations = { value: LEAST_MUTATIONS, why: 'EC2 copies, shares, deregisters and deletes one at a time' };
  const pair = (
    what: string,
    unit: Figure['unit'],
    of: (run: Run) => number,
    bound: Figure['bound'],
    part = 1,
  ): Figure[] => [
    { name: at(`${what}, Cloud Custodian`), value: of(theirs.first), unit, ...(bound && { bound }) },
    {
      name: at(`${what}, amifleet`),
      value: of(ours.first),
      unit,
      goal: part * of(theirs.first),
      ...(bound && { bound }),
    },
  ];
  return [
    ...pair('copied, tagged and shared', 'ms', ({ sharedMs }) => sharedMs, time),
    ...pair('and expired images gone', 'ms', ({ expiredMs }) => expiredMs, time),
    ...pair('and their snapshots, done', 'ms', ({ ms }) => ms, time),
    ...pair('mutating calls', 'calls', ({ calls }) => mutating(calls), mutations),
    {
      name: at('all calls, Cloud Custodian'),
      value: theirs.first.calls.length,
      unit: 'calls',
      detail: byAction(theirs.first),
    },
    { name: at('all calls, amifleet'), value: ours.first.calls.length, unit: 'calls', detail: byAction(ours.first) },
    {
      name: at('second run, Cloud Custodian'),
      value: theirs.second.calls.length,
      unit: 'calls',
      detail: `${byAction(theirs.second)}; ${theirs.afterwards}`,
    },
    {
      name: at('second run, amifleet: its next look at everything'),
      value: ours.second.calls.length,
      unit: 'calls',
      goal: theirs.second.calls.length / 10,
      bound: { value: REGIONS.length, why: 'a listing of images in each region' },
      detail: `${byAction(ours.second)}; ${ours.afterwards}`,
    },
    {
      name: at('second run, amifleet: started anew, with nothing remembered'),
      value: ours.anew.calls.length,
      unit: 'calls',
      bound: {
        value: REGIONS.length * (1 + YOUNG),
        why: 'a listing of images in each region, and who may launch each of them',
      },
      detail: byAction(ours.anew),
    },
  ];
}

const mutating = (calls: readonly RecordedCall[]): number => calls.filter(({ mutates }) => mutates).length;

const byAction = ({ calls }: Run): string =>
  [...Map.groupBy(calls, ({ action }) => action)]
    .map(([action, list]) => `${list.length} ${action}`)
    .sort()
    .join(', ');

/** Milliseconds that moto takes for a small call when nothing else is asked of it: the median of many. */
async function serviceTime(moto: Moto): Promise<number> {
  const ec2 = moto.ec2(SOURCE_REGION);
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const begun = performance.now();
    await ec2.send(new DescribeImagesCommand({ ImageIds: ['ami-00000000000000000'] })).catch(() => undefined);
    times.push(performance.now() - begun);
  }
  return quantile(times, 0.5);
}
