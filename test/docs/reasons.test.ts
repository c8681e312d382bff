import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { CONDITION_TYPES } from '../../src/api/conditions.ts';
import { CONFIRM_WITHDRAWAL_ANNOTATION, RECONCILE_ANNOTATION } from '../../src/api/group.ts';
import { ACTION_KINDS } from '../../src/policy/plan.ts';
import { TAG, tempGrantTag } from '../../src/policy/tags.ts';

const root = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const concepts = readFileSync(root('docs/concepts.md'), 'utf8');

/** What the first columns of the tables under a heading name, each in backticks. */
function namedUnder(heading: string): string[] {
  const [, body = ''] = concepts.split(`\n${heading}\n`);
  const end = body.search(new RegExp(`^#{1,${heading.indexOf(' ')}} `, 'm'));
  const rows = (end === -1 ? body : body.slice(0, end)).split('\n').filter((line) => line.startsWith('| `'));
  return rows.flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name = '']) => name));
}

/** Words in CamelCase between quotes: whatever of a source file may be a reason. */
const wordsIn = (text: string): string[] => [...text.matchAll(/'([A-Z][A-Za-z]+)'/g)].map(([, word = '']) => word);

function sources(folder: string): [path: string, text: string][] {
  return readdirSync(root(folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => [`${folder}/${name}`, readFileSync(root(`${folder}/${name}`), 'utf8')]);
}

const files = ['src/policy', 'src/aws', 'src/controller'].flatMap(sources);
/** These judge the codes of AWS, or name its fields, which the page does not list; what they give out themselves is a `code:`. */
const JUDGES = new Set([
  'src/aws/error-table.ts',
  'src/aws/credentials.ts',
  'src/aws/regions.ts',
  'src/aws/listing-items.ts',
]);
const written = new Map<string, string>();
for (const [path, text] of files) {
  const own = JUDGES.has(path)
    ? [...text.matchAll(/\bcode: ('[A-Za-z]+')/g)].map(([, word = '']) => word).join()
    : text;
  for (const word of wordsIn(own)) written.set(word, path);
}

/** Values of fields and of status. */
const VALUES =
  'CopiesAndSource Matching Accounts Public RetireSources SkipRecycleBin Ignore True False Unknown Apply Plan Retain Delete Keep Revoke None Wanted Retained Surplus Withdrawn'.split(
    ' ',
  );
/** What AWS, the SDK and Kubernetes call their things, and codes of AWS that are treated in a way of their own. */
const AWS_NAMES = [
  'AssumeRole GetCallerIdentity CreateImageUsageReport CreateTags DeleteTags ModifyImageAttribute ModifySnapshotAttribute ClientToken AwsError',
  'AuthFailure InvalidRequest InvalidSignatureException RequestExpired RequestTimeTooSkewed SignatureDoesNotMatch',
  'NotFoundException AccessDeniedException Enabled AWS All ParameterNotFound Equals String Name',
  'PutParameter DeleteParameter DescribeParameters AddTagsToResource Parameter',
  'ExpiredToken ExpiredTokenException Normal Warning Namespace GET',
  'DryRun DryRunOperation UnauthorizedOperation DescribeImageReferences EnableImageDeprecation DisableImageDeprecation',
  'EnableImageDeregistrationProtection DisableImageDeregistrationProtection',
  'XmlError AMIsReady CloudFormation Karpenter Terraform OpenTofu Pulumi',
].flatMap((line) => line.split(' '));
/** Words of the sources that are no reasons. One that is missing here or in the page makes the test below fail. */
const NO_REASONS: ReadonlySet<string> = new Set([
  ...ACTION_KINDS,
  ...CONDITION_TYPES.filter((type) => type !== 'Ready' && type !== 'RetentionApplied'),
  ...VALUES,
  ...AWS_NAMES,
]);

describe('docs/concepts.md', () => {
  const reasons = namedUnder('## Reasons');

  it('explains every reason once', () => {
    expect(reasons.length).toBeGreaterThan(60);
    expect(reasons.toSorted()).toEqual([...new Set(reasons)].toSorted());
  });

  it('explains every reason that the sources give', () => {
    const known = new Set(reasons);
    const missing = [...written].filter(([word]) => !known.has(word) && !NO_REASONS.has(word));
    expect(missing.map(([word, path]) => `${word} of ${path}`)).toEqual([]);
  });

  it('explains no reason that the sources do not give', () => {
    expect(reasons.filter((word) => !written.has(word))).toEqual([]);
  });

  it('names every condition', () => {
    expect(namedUnder('## Conditions').toSorted()).toEqual(CONDITION_TYPES.toSorted());
  });

  it('names every tag', () => {
    const tags = [...Object.values(TAG), tempGrantTag('<account>')];
    expect(namedUnder('## Tags').toSorted()).toEqual(tags.toSorted());
  });

  it('names every annotation that is read', () => {
    const annotations = [CONFIRM_WITHDRAWAL_ANNOTATION, RECONCILE_ANNOTATION];
    expect(namedUnder('## Annotations on a policy').toSorted()).toEqual(annotations.toSorted());
  });
});
