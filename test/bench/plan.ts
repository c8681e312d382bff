import { makePlan } from '../../src/policy/make-plan.ts';
import type { TargetView } from '../../src/policy/model.ts';
import type { PlanInput } from '../../src/policy/pass.ts';
import { familyOf } from '../../src/policy/selection.ts';
import { TAG } from '../../src/policy/tags.ts';
import { daysAgo, OWNER, SOURCE, spec, World } from '../policy/world.ts';
import type { Benchmark } from './benchmark.ts';
import { quantile } from './quantile.ts';

const REGIONS = ['eu-west-1', 'us-west-2', 'eu-north-1', 'ap-south-1'];
const VERSIONS = 10_000;
const FAMILIES = 100;
const RUNS = 7;
const GOAL_MS = 300;

/** 10,000 source images in 100 families, each with a copy in four regions: 50,000 images in all. */
function fiftyThousand(): PlanInput {
  const world = new World(...REGIONS.map((region) => ({ account: SOURCE.account, region })));
  for (let version = 1; version <= VERSIONS; version++) {
    const tags = { app: `app-${version % FAMILIES}` };
    world.source(version, { createdAt: daysAgo(VERSIONS - version + 1), tags });
    const family = familyOf('x86_64', tags, ['app']);
    for (const region of REGIONS)
      world.copy(version, { account: SOURCE.account, region }, { tags: { [TAG.family]: family } });
  }
  return world.input(
    spec({
      regions: REGIONS,
      source: { groupBy: ['app'] },
      retention: { keepNewest: 100, deleteAfterDays: 30 },
    }),
    { owner: OWNER },
  );
}

export const planBenchmark: Benchmark = {
  about: `one plan over 50,000 images: ${VERSIONS} versions in ${FAMILIES} families, each in the source region and four more`,
  run: () => {
    const given = fiftyThousand();
    const times: number[] = [];
    const busy: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      const input = listedAnew(given);
      const begun = performance.now();
      const begunBusy = process.threadCpuUsage();
      makePlan(input);
      times.push(performance.now() - begun);
      busy.push(millisecondsIn(process.threadCpuUsage(begunBusy)));
    }
    return Promise.resolve({
      kind: 'measured',
      figures: [
        {
          name: 'planning 50,000 images, median',
          value: quantile(times, 0.5),
          unit: 'ms',
          goal: GOAL_MS,
          bound: {
            value: quantile(
              Array.from({ length: RUNS }, () => readOnce(given)),
              0.5,
            ),
            why: 'every image is looked at once',
          },
          detail: `slowest of ${RUNS}: ${Math.round(Math.max(...times))} ms, the first one, before anything is optimised, ${Math.round(times[0] ?? 0)} ms`,
        },
        {
          name: 'planning 50,000 images, median of the CPU',
          value: quantile(busy, 0.5),
          unit: 'ms',
          goal: GOAL_MS,
          detail: 'of its thread alone: what it would take if nothing else ran',
        },
      ],
    });
  },
};

/** The same, as another listing shows it: what earlier plans have found in the one before is of no use. */
function listedAnew(input: PlanInput): PlanInput {
  const targets = [...input.targets].map(([key, view]): [string, TargetView] => {
    if (view.kind !== 'observed') return [key, view];
    const { images, snapshots } = view.inventory;
    return [key, { ...view, inventory: { ...view.inventory, images: new Map(images), snapshots: new Map(snapshots) } }];
  });
  return { ...input, targets: new Map(targets) };
}

const millisecondsIn = ({ user, system }: { readonly user: number; readonly system: number }): number =>
  (user + system) / 1000;

/** Milliseconds that it takes to go through all images and to look at no more than their ids. */
function readOnce({ targets }: PlanInput): number {
  const begun = performance.now();
  const ids = new Set<string>();
  for (const view of targets.values())
    if (view.kind === 'observed') for (const { id } of view.inventory.images.values()) ids.add(id);
  if (ids.size < VERSIONS) throw new Error(`only ${ids.size} images are there`);
  return performance.now() - begun;
}
