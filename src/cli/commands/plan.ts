import { Command, Option } from 'commander';
import { systemClock } from '../../ambient/clock.ts';
import { awsEngine } from '../aws-engine.ts';
import { beginRun, filePass, readPolicyFile, sweep } from '../file-mode.ts';
import { isStuck, isUnderWay, planJson, planText } from '../plan-text.ts';
import { stopSignal } from '../stop-signal.ts';

const HELP = `
Exit codes: 0 nothing to do; 2 there are changes, to be begun or under way; 1 error, which is also what somebody must put right first: a selector
that matches no image, a region or account that cannot be used, a conflict with another policy. The plan is printed
all the same.
AWS by the usual environment: AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL, … An AwsAccount in the file says by which role
an account is reached; one without is reached with your own credentials.`;

/** `amifleet plan`: what would be done and why, without a cluster and without touching anything. */
export function planCommand(): Command {
  return new Command('plan')
    .description('show what would be done for the policies of a file, and why; changes nothing')
    .requiredOption('-f, --file <path>', 'AmiPolicy and AwsAccount documents; - for standard input')
    .addOption(
      new Option('-o, --output <format>', 'table, or json for programs').choices(['table', 'json']).default('table'),
    )
    .addHelpText('after', HELP)
    .action(async (options: { file: string; output: 'table' | 'json' }) => {
      const policies = readPolicyFile(options.file);
      const engine = awsEngine({ clock: systemClock, allowDelete: true });
      const run = beginRun(options.file, engine, policies, stopSignal());
      const plans: object[] = [];
      let changes = false;
      let stuck = false;
      try {
        if (process.stderr.isTTY) console.error('Looking at the accounts and regions of the file …');
        await sweep(run);
        for (const policy of policies) {
          const result = await filePass(run, policy, { may: 'nothing', listing: run.begun });
          changes ||= result.decision.plan.actions.length > 0 || isUnderWay(result);
          stuck ||= isStuck(result);
          if (options.output === 'json') plans.push(planJson(policy.label, result));
          else console.log(`${planText(policy.label, result)}\n`);
        }
      } finally {
        engine.close();
      }
      if (options.output === 'json') console.log(JSON.stringify({ plans }, null, 2));
      process.exitCode = stuck ? 1 : changes ? 2 : 0;
    });
}
