import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { InvalidDocuments, readDocuments } from '../../src/api/documents.ts';

const POLICY = `
apiVersion: amifleet.io/v1alpha1
kind: AmiPolicy
metadata: {name: web-base, namespace: platform}
spec:
  source: {account: "111122223333", region: us-east-1, images: {names: ["web-*"]}}
  regions: [{name: eu-west-1}]
`;
const ACCOUNT = `
apiVersion: amifleet.io/v1alpha1
kind: AwsAccount
metadata: {name: "222233334444"}
spec: {namespaces: [platform]}
`;

const files = (...documents: string[]): string => documents.join('---');

function problemsOf(text: string): readonly string[] {
  try {
    readDocuments(text, 'fleet.yaml');
  } catch (error) {
    if (error instanceof InvalidDocuments) return error.problems;
    throw error;
  }
  return [];
}

describe('a file', () => {
  it('holds policies and accounts, with every default filled in', () => {
    const { policies, accounts } = readDocuments(files(POLICY, ACCOUNT, '\n# nothing here\n'), 'fleet.yaml');
    expect(policies).toMatchObject([
      {
        metadata: { name: 'web-base', namespace: 'platform' },
        spec: { suspend: false, mode: 'Apply', deletionPolicy: 'Retain', source: { images: { owner: 'self' } } },
      },
    ]);
    expect(accounts).toMatchObject([{ metadata: { name: '222233334444' }, spec: { readOnly: false } }]);
  });

  it('may be what kubectl get -o yaml writes: a List, with status and all', () => {
    const indented = POLICY.trim().replaceAll('\n', '\n  ');
    const list = `apiVersion: v1\nkind: List\nitems:\n- ${indented}\n  status: {observedGeneration: 3}\n`;
    expect(readDocuments(list, 'x').policies).toHaveLength(1);
  });

  it.each(readdirSync('deploy/samples'))('like the sample %s can be read', (sample) => {
    expect(readDocuments(readFileSync(`deploy/samples/${sample}`, 'utf8'), sample).policies).toHaveLength(1);
  });
});

describe('a file that cannot be used says what is wrong, and where', () => {
  it.each<[string, string, readonly string[]]>([
    ['nothing in it', '', ['it holds no AmiPolicy']],
    ['only an account', ACCOUNT, ['it holds no AmiPolicy']],
    [
      'another kind',
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n',
      ['document 1: kind must be AmiPolicy or AwsAccount, not "ConfigMap"'],
    ],
    ['no kind', 'spec: {}\n', ['document 1: kind must be AmiPolicy or AwsAccount, not undefined']],
    ['a text', 'hello\n', ['document 1: it is plain text or a number, and no document of Kubernetes']],
    [
      'another version',
      POLICY.replace('v1alpha1', 'v2'),
      ['AmiPolicy platform/web-base: apiVersion must be amifleet.io/v1alpha1'],
    ],
    ['no name', POLICY.replace('name: web-base, ', ''), ['AmiPolicy platform: metadata.name: Required value']],
    [
      'no metadata',
      POLICY.replace(/metadata: .*\n/, ''),
      [
        'AmiPolicy document 1: metadata.name: Required value',
        'AmiPolicy document 1: metadata.namespace: Required value',
      ],
    ],
    [
      'no namespace, which is part of the identity of the copies',
      POLICY.replace(', namespace: platform', ''),
      ['AmiPolicy web-base: metadata.namespace: Required value'],
    ],
    [
      'an account with a namespace',
      files(POLICY, ACCOUNT.replace('name: "222233334444"', 'name: "222233334444", namespace: platform')),
      ['AwsAccount platform/222233334444: metadata.namespace: must be left out: this kind has no namespace'],
    ],
    [
      'an account id without quotes for a name',
      files(POLICY, ACCOUNT.replace('"222233334444"', '222233334444')),
      ['AwsAccount 222233334444: metadata.name: must be of type string: put 222233334444 in quotes'],
    ],
    [
      'a name that Kubernetes does not take',
      POLICY.replace('web-base', 'Web_Base'),
      [
        'AmiPolicy platform/Web_Base: metadata.name: "Web_Base" must consist of lower case letters, digits, "-" and ".", and start and end with a letter or digit',
      ],
    ],
    [
      'a namespace with a dot',
      POLICY.replace('namespace: platform', 'namespace: a.b'),
      [
        'AmiPolicy a.b/web-base: metadata.namespace: "a.b" must consist of lower case letters, digits and "-", and start and end with a letter or digit',
      ],
    ],
    [
      'an annotation that is a number',
      POLICY.replace('metadata: {', 'metadata: {annotations: {amifleet.io/confirm-withdrawal: 3}, '),
      [
        'AmiPolicy platform/web-base: metadata.annotations.amifleet.io/confirm-withdrawal: must be of type string: put 3 in quotes',
      ],
    ],
    [
      'labels that are a list',
      POLICY.replace('metadata: {', 'metadata: {labels: [a], '),
      ['AmiPolicy platform/web-base: metadata.labels: must be of type object'],
    ],
    [
      'unknown fields, each with its path',
      POLICY.replace('regions:', 'regoins: []\n  regions:').replace('images: {', 'images: {nmaes: [a], '),
      [
        'AmiPolicy platform/web-base: spec.source.images.nmaes: unknown field',
        'AmiPolicy platform/web-base: spec.regoins: unknown field',
      ],
    ],
    [
      'a field that every JavaScript object seems to have',
      POLICY.replace('regions:', 'constructor: {}\n  regions:'),
      ['AmiPolicy platform/web-base: spec.constructor: unknown field'],
    ],
    [
      'a rule that is broken',
      POLICY.replace('images: {names: ["web-*"]}', 'images: {}'),
      ['AmiPolicy platform/web-base: spec.source.images: must hold at least one of names, tags, ids and architectures'],
    ],
    ['the same policy twice', files(POLICY, POLICY), ['AmiPolicy platform/web-base: the file holds it 2 times']],
    ['the same account twice', files(POLICY, ACCOUNT, ACCOUNT), ['AwsAccount 222233334444: the file holds it 2 times']],
    [
      'a key twice',
      POLICY.replace('spec:', 'spec: {}\nspec:'),
      [expect.stringMatching(/^document 1: Map keys must be unique at line 6, column 1/)],
    ],
    [
      'YAML that is none',
      'kind: [AmiPolicy\nmetadata: {}\n',
      [expect.stringMatching(/^document 1: .* at line \d+, column \d+/)],
    ],
    [
      'an alias of nothing',
      POLICY.replace('[{name: eu-west-1}]', '*nowhere'),
      [expect.stringMatching(/^document 1: .*nowhere/)],
    ],
    [
      'aliases that unfold into something huge',
      `a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c]\n`,
      [expect.stringMatching(/^document 1: Excessive alias count/)],
    ],
  ])('%s', (_, text, problems) => {
    const found = problemsOf(text);
    expect(found.slice(0, problems.length)).toEqual(problems);
  });

  it('all of it at once, in the words of the first line of the error', () => {
    const text = files(POLICY.replace('eu-west-1', 'Ireland'), ACCOUNT.replace('222233334444', 'prod'));
    expect(() => readDocuments(text, 'fleet.yaml')).toThrow(
      /^fleet\.yaml cannot be used:\n {2}AmiPolicy platform.*\n {2}AwsAccount prod: /,
    );
    expect(problemsOf(text)).toHaveLength(2);
  });
});
