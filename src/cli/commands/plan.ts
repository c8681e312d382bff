import { Command, Option } from 'commander';
import { systemClock } from '../../ambient/clock.ts';
import { awsEngine } from '../aws-engine.ts';
import { filePass, filePolicies, readPolicyFile, sweepFor } from '../file-mode.ts';
import { isStuck, planJson, planText } from '../plan-text.ts';
import { stopSignal } from '../stop-signal.ts';

/** `amifleet plan`: what would be done and why, without a cluster and without touching anything. */
export function planCommand(): Command {
  return new Command('plan')
    .description('show what would be done for the policies of a file, and why; changes nothing')
    .requiredOption('-f, --file <path>', 'AmiPolicy and AwsAccount documents; - for standard input')
    .addOption(
      new Option('-o, --output <format>', 'table, or json for programs').choices(['table', 'json']).default('table'),
    )
    .addHelpText(
      'after',
      '\nExit codes: 0 nothing to do, 2 there are changes, 1 error.\nAWS by the usual environment: AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL, …',
    )
    .action(async (options: { file: string; output: 'table' | 'json' }) => {
      const policies = filePolicies(readPolicyFile(options.file));
      const engine = awsEngine({ clock: systemClock, allowDelete: true });
      const stop = stopSignal();
      const plans: object[] = [];
      let changes = false;
      let stuck = false;
      try {
        for (const policy of policies) {
          await sweepFor(engine, policy, stop);
          const result = await filePass(engine, policy, false, { deleted: new Set(), others: policies, stop });
          const name = `${policy.owner.namespace}/${policy.owner.name}`;
          changes ||= result.decision.plan.actions.length > 0;
          stuck ||= isStuck(result);
          if (options.output === 'json') plans.push(planJson(name, result));
          else console.log(`${planText(name, result)}\n`);
        }
      } finally {
        engine.close();
      }
      if (options.output === 'json') console.log(JSON.stringify({ plans }, null, 2));
      process.exitCode = stuck ? 1 : changes ? 2 : 0;
    });
}
