import { createInterface } from 'node:readline/promises';
import { Command } from 'commander';
import { sleep, systemClock } from '../../ambient/clock.ts';
import type { Engine } from '../../controller/engine.ts';
import { nextLook } from '../../controller/next-look.ts';
import type { Result } from '../../controller/reconcile.ts';
import { targetKey } from '../../policy/model.ts';
import { awsEngine } from '../aws-engine.ts';
import { type FilePolicy, filePass, filePolicies, readPolicyFile, sweepFor } from '../file-mode.ts';
import { isStuck, planText } from '../plan-text.ts';
import { stopSignal } from '../stop-signal.ts';

/** How long to wait after a failure that may pass, seconds doubling. */
const RETRY_MS = 5000;
const LONGEST_RETRY_MS = 60_000;
/** What is due later than this is for another run. */
const PATIENCE_MS = 30 * 60_000;

/** `amifleet apply`: carries a plan out, without a cluster. */
export function applyCommand(): Command {
  return new Command('apply')
    .description('make AWS match the policies of a file')
    .requiredOption('-f, --file <path>', 'AmiPolicy and AwsAccount documents; - for standard input')
    .option('--wait', 'until every copy is ready and nothing is left to do')
    .option('--yes', 'delete without asking')
    .addHelpText('after', '\nExit codes: 0 done, 1 something could not be done or needs a person.')
    .action(async (options: { file: string; wait?: boolean; yes?: boolean }) => {
      const policies = filePolicies(readPolicyFile(options.file));
      const engine = awsEngine({ clock: systemClock, allowDelete: true });
      const stop = stopSignal();
      let stuck = false;
      try {
        for (const policy of policies) await sweepFor(engine, policy, stop);
        if (!options.yes && !(await mayDestroy(engine, policies, stop))) {
          console.log('Nothing was done.');
          process.exitCode = 1;
          return;
        }
        const deleted = new Set<string>();
        const results = await Promise.all(
          policies.map((policy) => applyOne(engine, policy, policies, deleted, options.wait === true, stop)),
        );
        stuck = results.some(isStuck);
      } finally {
        engine.close();
      }
      process.exitCode = stuck ? 1 : 0;
    });
}

/** Asks before destruction. Without somebody to ask, nothing is destroyed. */
async function mayDestroy(engine: Engine, policies: readonly FilePolicy[], stop: AbortSignal): Promise<boolean> {
  let doomed = 0;
  for (const policy of policies) {
    const result = await filePass(engine, policy, false, { deleted: new Set(), others: policies, stop });
    const destructive = result.decision.plan.actions.filter(({ destroys }) => destroys);
    if (destructive.length > 0) console.log(`${planText(`${policy.owner.namespace}/${policy.owner.name}`, result)}\n`);
    doomed += destructive.length;
  }
  if (doomed === 0) return true;
  if (!process.stdin.isTTY)
    throw new Error(
      `${doomed} actions delete images or snapshots, and there is nobody to ask. Give --yes to have them done`,
    );
  const prompt = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test(
      await prompt.question(`${doomed} actions delete images or snapshots. Go on? [y/N] `, { signal: stop }),
    );
  } finally {
    prompt.close();
  }
}

async function applyOne(
  engine: Engine,
  file: FilePolicy,
  others: readonly FilePolicy[],
  deleted: Set<string>,
  wait: boolean,
  stop: AbortSignal,
): Promise<Result> {
  const name = `${file.owner.namespace}/${file.owner.name}`;
  let failures = 0;
  let before = '';
  for (;;) {
    const result = await filePass(engine, file, true, {
      deleted,
      others,
      acted: (done, failed) => {
        for (const action of done)
          console.log(`${name}  ${action.kind}  ${targetKey(action.target)}  ${action.subject}: ${action.reason}`);
        for (const { action, code, message } of failed)
          console.log(
            `${name}  ${action.kind} not done  ${targetKey(action.target)}  ${action.subject}: ${code}: ${message}`,
          );
      },
      stop,
    });
    const retries =
      result.failures.some(({ effect }) => effect === 'retries') ||
      result.decision.plan.blocked.some(({ effect }) => effect === 'retries');
    failures = retries ? failures + 1 : 0;
    const { targetsReady = '0/0', pendingCopies = 0 } = result.report.status;
    const line = `${name}: targets ready ${targetsReady}, ${pendingCopies} copies pending`;
    if (line !== before) console.log(line);
    before = line;
    const look = nextLook(result.decision.plan, result.input.targets.values(), file.owner, result.input.now);
    const soon = look !== undefined && look < PATIENCE_MS;
    if (!wait || (!soon && !retries)) {
      for (const { code, subject, target, message } of result.decision.plan.blocked)
        console.log(`${name}  held back: ${code}: ${subject}${target ? ` in ${targetKey(target)}` : ''}: ${message}`);
      return result;
    }
    await sleep(
      engine.clock,
      Math.min(
        look ?? Number.POSITIVE_INFINITY,
        retries ? Math.min(RETRY_MS * 2 ** (failures - 1), LONGEST_RETRY_MS) : PATIENCE_MS,
      ),
      stop,
    );
  }
}
