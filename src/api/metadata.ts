/** What is wrong with an object's metadata, as far as users write them: place and reason. */
export interface MetadataProblem {
  readonly field: string;
  readonly message: string;
}

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const IS_SUBDOMAIN = new RegExp(`^${LABEL}(\\.${LABEL})*$`);
const IS_LABEL = new RegExp(`^${LABEL}$`);

/**
 * The rules of the API server for names, namespaces, labels and annotations, in its words where it has some. File mode
 * needs them because names become part of tags, and because a number without quotes would not be the text that was meant.
 */
export function metadataProblems(metadata: unknown, namespaced: boolean): MetadataProblem[] {
  const given = (typeof metadata === 'object' && metadata !== null ? metadata : {}) as Readonly<
    Record<string, unknown>
  >;
  const ends = 'and start and end with a letter or digit';
  const name = nameProblems('metadata.name', given['name'], 253, IS_SUBDOMAIN, `letters, digits, "-" and ".", ${ends}`);
  const namespace = namespaced
    ? nameProblems('metadata.namespace', given['namespace'], 63, IS_LABEL, `letters, digits and "-", ${ends}`)
    : unnamespaced(given['namespace']);
  const maps = ['labels', 'annotations'].flatMap((field) => mapProblems(`metadata.${field}`, given[field]));
  return [...name, ...namespace, ...maps];
}

function unnamespaced(namespace: unknown): MetadataProblem[] {
  if (namespace === undefined) return [];
  return [{ field: 'metadata.namespace', message: 'must be left out: this kind has no namespace' }];
}

function nameProblems(
  field: string,
  value: unknown,
  longest: number,
  pattern: RegExp,
  rule: string,
): MetadataProblem[] {
  if (value === undefined || value === null || value === '') return [{ field, message: 'Required value' }];
  if (typeof value !== 'string')
    return [{ field, message: `must be of type string: put ${JSON.stringify(value)} in quotes` }];
  if (value.length > longest) return [{ field, message: `must be no more than ${longest} characters` }];
  return pattern.test(value) ? [] : [{ field, message: `${JSON.stringify(value)} must consist of lower case ${rule}` }];
}

function mapProblems(field: string, value: unknown): MetadataProblem[] {
  if (value === undefined || value === null) return [];
  if (typeof value !== 'object' || Array.isArray(value)) return [{ field, message: 'must be of type object' }];
  return Object.entries(value)
    .filter(([, text]) => typeof text !== 'string')
    .map(([key, text]) => ({
      field: `${field}.${key}`,
      message: `must be of type string: put ${JSON.stringify(text)} in quotes`,
    }));
}
