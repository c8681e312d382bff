import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { stringify } from 'yaml';
import { customResourceDefinitions } from '../../api/crd.ts';
import { fieldReference } from '../../api/field-reference.ts';

const HEADER = '# Made by `npm run crds` from the schemas in src/api; do not edit it by hand.\n';

/** `amifleet crds`: prints the CustomResourceDefinitions; in a checkout also writes or checks the files made from them. */
export function crdsCommand(): Command {
  return new Command('crds')
    .description('print the CustomResourceDefinitions, for `amifleet crds | kubectl apply -f -`')
    .option('--write', 'in a checkout: write crds/ and docs/fields.md')
    .option('--check', 'in a checkout: fail when crds/ or docs/fields.md is stale')
    .action((options: { write?: boolean; check?: boolean }) => {
      const files = generated();
      if (options.write) {
        for (const [path, text] of files) {
          mkdirSync(dirname(path), { recursive: true });
          writeFileSync(path, text);
        }
      } else if (options.check) {
        const stale = [...files].filter(([path, text]) => read(path) !== text).map(([path]) => path);
        if (stale.length > 0) throw new Error(`stale, run npm run crds and commit: ${stale.join(', ')}`);
      } else {
        process.stdout.write(
          definitions()
            .map(([, text]) => text)
            .join('---\n'),
        );
      }
    });
}

function definitions(): [name: string, text: string][] {
  return customResourceDefinitions().map((definition) => [
    definition.spec.names.plural,
    HEADER + stringify(definition, { lineWidth: 120, aliasDuplicateObjects: false }),
  ]);
}

function generated(): Map<string, string> {
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  return new Map([
    ...definitions().map(([name, text]): [string, string] => [join(root, 'crds', `${name}.yaml`), text]),
    [join(root, 'docs', 'fields.md'), fieldReference()],
  ]);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
