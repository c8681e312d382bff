import { Command } from 'commander';
import type { CallCount } from '../../simulator/ec2/call-log.ts';
import { BUILDERS } from '../demo/fleet.ts';
import { play } from '../demo/play.ts';
import { screenOn } from '../demo/screen.ts';
import { type Stage, setStage } from '../demo/stage.ts';
import { stopSignal } from '../stop-signal.ts';

/** `amifleet demo`: the real controller between an embedded API server and a simulated AWS. */
export function demoCommand(): Command {
  return new Command('demo')
    .description('see a fleet copied, shared, retired and repaired, without AWS and without a cluster')
    .option('--keep', 'leave everything running in the end, for kubectl and the AWS CLI')
    .option('--real', 'use a real kube-apiserver and etcd, where they are at hand')
    .addHelpText('after', '\nExit codes: 0 everything converged, 1 it did not; the reason is said.')
    .action(run);
}

async function run(options: { readonly keep?: boolean; readonly real?: boolean }): Promise<void> {
  const stop = stopSignal();
  const screen = screenOn(process.stdout);
  const stage = await setStage(options.real === true);
  try {
    await play(stage, screen, stop);
    console.log(`\n${callsLine(stage.aws.calls())}`);
    if (options.keep) await keep(stage, stop);
  } finally {
    await stage.close();
  }
}

/** The counts of calls by action, the most frequent first. */
function callsLine(counts: readonly CallCount[]): string {
  const byAction = [...Map.groupBy(counts, ({ action }) => action)].map(
    ([action, entries]) => [action, entries.reduce((sum, { count }) => sum + count, 0)] as const,
  );
  const throttled = counts.reduce((sum, entry) => sum + entry.throttled, 0);
  const refused = counts.reduce((sum, entry) => sum + entry.failed, 0);
  const listed = byAction
    .toSorted(([, left], [, right]) => right - left)
    .map(([action, count]) => `${count} ${action}`);
  const sum = byAction.reduce((total, [, count]) => total + count, 0);
  return `AWS calls: ${sum} (${listed.join(', ')}; ${throttled} throttled, ${refused} refused)`;
}

async function keep(stage: Stage, stop: AbortSignal): Promise<void> {
  console.log(`
Everything is left running; Ctrl-C ends it. In another terminal:

  export KUBECONFIG=${stage.kubeconfigPath}
  kubectl get amipolicies -A
  kubectl describe amipolicy -n platform golden

  export AWS_ENDPOINT_URL=${stage.awsUrl} AWS_ACCESS_KEY_ID=AKIASIM${BUILDERS} AWS_SECRET_ACCESS_KEY=simulated AWS_DEFAULT_REGION=eu-west-1
  aws ec2 describe-images --owners self --query 'Images[].[ImageId,Name,State]' --output text`);
  await new Promise<void>((resolve) => {
    if (stop.aborted) resolve();
    stop.addEventListener('abort', () => resolve(), { once: true });
  });
}
