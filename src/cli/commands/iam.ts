import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Argument, Command, Option } from 'commander';
import { IAM_POLICIES, type IamPolicyName, iamPolicy } from '../iam-policies.ts';
import { table } from '../table.ts';

const NAMES = Object.keys(IAM_POLICIES) as IamPolicyName[];

interface Options {
  readonly partition: string;
  readonly write?: boolean;
  readonly check?: boolean;
}

/** `amifleet iam`: prints the IAM policies that amifleet needs; in a checkout also writes or checks the files in deploy/iam. */
export function iamCommand(): Command {
  return new Command('iam')
    .description(
      'print an IAM policy that amifleet needs, made from the calls that it makes; without a name: which there are',
    )
    .addArgument(new Argument('[policy]', 'which one').choices(NAMES))
    .addOption(
      new Option('--partition <name>', 'the part of AWS that the accounts are in')
        .choices(['aws', 'aws-cn', 'aws-us-gov'])
        .default('aws'),
    )
    .option('--write', 'in a checkout: write deploy/iam/')
    .option('--check', 'in a checkout: fail when deploy/iam/ is stale')
    .action((name: IamPolicyName | undefined, options: Options) => {
      if (options.write || options.check) {
        refresh(options.check === true);
      } else if (name === undefined) {
        console.log(table(['policy', 'for'], Object.entries(IAM_POLICIES)));
      } else {
        process.stdout.write(textOf(name, options.partition));
      }
    });
}

function refresh(check: boolean): void {
  const folder = fileURLToPath(new URL('../../../deploy/iam/', import.meta.url));
  const files = NAMES.map((name): [string, string] => [join(folder, `${name}.json`), textOf(name, 'aws')]);
  if (check) {
    const stale = files.filter(([path, text]) => read(path) !== text).map(([path]) => path);
    if (stale.length > 0) throw new Error(`stale, run amifleet iam --write and commit: ${stale.join(', ')}`);
    return;
  }
  for (const [path, text] of files) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}

const textOf = (name: IamPolicyName, partition: string): string =>
  `${JSON.stringify(iamPolicy(name, partition), null, 2)}\n`;

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
