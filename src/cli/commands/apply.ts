import { createInterface } from 'node:readline/promises';
import { Command } from 'commander';
import { systemClock } from '../../ambient/clock.ts';
import type { Action } from '../../policy/plan.ts';
import { applyUntilDone } from '../apply-until-done.ts';
import { awsEngine } from '../aws-engine.ts';
import { budgetShareOption } from '../budget-share.ts';
import { beginRun, type FilePolicy, type FileRun, filePass, readPolicyFile, sweep } from '../file-mode.ts';
import { isStuck, mayRetry, planText } from '../plan-text.ts';
import { stopSignal } from '../stop-signal.ts';

const HELP = `
Without --yes everything is done but what takes images away: before images are disabled or deleted, and snapshots deleted, you
are asked at the end, and where there is nobody to ask they are left for another run.
With --wait the command stays until every copy is ready, and gives up after about ten minutes in which nothing
that failed could be mended. retention.maxDeletionsPerDay counts for each run.
Exit codes: 0 done, or with no --wait: begun; 1 something could not be done or needs a person; 130 and 143 stopped by a
signal: what was begun goes on in AWS, and the same command takes it up again.
AWS by the usual environment: AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL, …`;

/** `amifleet apply`: carries a plan out, without a cluster. */
export function applyCommand(): Command {
  return new Command('apply')
    .description('make AWS match the policies of a file')
    .requiredOption('-f, --file <path>', 'AmiPolicy and AwsAccount documents; - for standard input')
    .option('--wait', 'until every copy is ready and nothing is left to do')
    .option('--yes', 'disable and delete without asking')
    .addOption(budgetShareOption())
    .addHelpText('after', HELP)
    .action(async (options: { file: string; wait?: boolean; yes?: boolean; budgetShare: number }) => {
      const policies = readPolicyFile(options.file);
      const engine = awsEngine({ clock: systemClock, allowDelete: true, budgetShare: options.budgetShare });
      const run = beginRun(options.file, engine, policies, stopSignal());
      try {
        await sweep(run);
        process.exitCode = (await applyAll(run, options)) ? 0 : 1;
      } finally {
        engine.close();
      }
    });
}

/** @returns whether everything was done */
async function applyAll(run: FileRun, options: { wait?: boolean; yes?: boolean }): Promise<boolean> {
  const wait = options.wait === true;
  if (options.yes) return await applyEach(run, wait, () => true);
  // What was agreed to, by image: its snapshots come later, one after the other.
  const agreed = new Set<string>();
  let done = await applyEach(run, wait, undefined);
  for (;;) {
    const doomed = await doomedBy(run, agreed);
    if (doomed.length === 0) return done;
    if (!(await mayDestroy(doomed.length, run.stop))) return false;
    for (const { destroys } of doomed) if (destroys) agreed.add(destroys.imageId);
    done = await applyEach(run, wait, ({ destroys }) => destroys === undefined || agreed.has(destroys.imageId));
  }
}

/** @param may which actions that cannot be undone may be carried out; undefined: none */
async function applyEach(
  run: FileRun,
  wait: boolean,
  may: ((action: Action) => boolean) | undefined,
): Promise<boolean> {
  // All of them come to an end, whatever becomes of the others.
  const outcomes = await Promise.allSettled(run.policies.map((file) => applyUntilDone(run, file, { wait, may })));
  let done = true;
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') throw outcome.reason;
    if (isStuck(outcome.value) || mayRetry(outcome.value)) done = false;
  }
  return done;
}

/** What would be destroyed now, shown to the person; without what was agreed to. */
async function doomedBy(run: FileRun, agreed: ReadonlySet<string>): Promise<Action[]> {
  const doomed: Action[] = [];
  for (const file of run.policies.filter(isApplied)) {
    const result = await filePass(run, file, { may: 'nothing', listing: run.engine.clock.monotonic() - RECENT_MS });
    const destructive = result.decision.plan.actions.filter(
      ({ destroys }) => destroys !== undefined && !agreed.has(destroys.imageId),
    );
    if (destructive.length > 0) console.log(`\n${planText(file.label, result)}\n`);
    doomed.push(...destructive);
  }
  return doomed;
}

const RECENT_MS = 1000;
const isApplied = ({ policy }: FilePolicy): boolean => policy.spec.mode === 'Apply';

/** Asks before destruction. Without somebody to ask, nothing is destroyed. */
async function mayDestroy(count: number, stop: AbortSignal): Promise<boolean> {
  const what = `${count} ${count === 1 ? 'action disables or deletes an image or a snapshot' : 'actions disable or delete images or snapshots'}`;
  if (!process.stdin.isTTY) {
    console.error(`amifleet: ${what}, and there is nobody to ask: left undone. Give --yes to have it done`);
    return false;
  }
  const prompt = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = await prompt.question(`${what}. Go on? [y/N] `, { signal: stop });
    if (/^y(es)?$/i.test(answer)) return true;
    console.log('Nothing was disabled or deleted.');
    return false;
  } finally {
    prompt.close();
    stop.throwIfAborted();
  }
}
