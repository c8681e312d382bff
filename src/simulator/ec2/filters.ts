import type { Query } from './query.ts';
import { Refusal } from './refusal.ts';

/** What resources of one kind can be filtered by: the values of each filter, by its name. */
export type Filterable<T> = Readonly<Record<string, (item: T) => readonly (string | undefined)[]>>;

type Tagged = { readonly tags: Readonly<Record<string, string>> };

const MAX_VALUES = 200;

/**
 * Reads `Filter.N`: filters are joined by AND, their values by OR; `*` stands for any characters, `?` for none or one, a
 * backslash takes the next character as it is. `tag:<key>` and `tag-key` are there for everything that has tags.
 * @throws Refusal at once for an unknown filter, one without a value, or too many values
 */
export function filterOf<T extends Tagged>(query: Query, filterable: Filterable<T>): (item: T) => boolean {
  const filters = query
    .structures('Filter')
    .map((filter) => ({ name: filter.required('Name'), values: filter.list('Value') }));
  const count = filters.reduce((sum, { values }) => sum + values.length, 0);
  if (count > MAX_VALUES)
    throw new Refusal(
      'FilterLimitExceeded',
      `The maximum number of filter values specified on a single call is ${MAX_VALUES}`,
    );
  const compiled = filters.map(({ name, values }) => {
    const read = readerOf(name, filterable);
    if (!read) throw new Refusal('InvalidParameterValue', `The filter '${name}' is invalid`);
    // Whether EC2 takes it for nothing or for everything is not documented: whoever sends it is to find out.
    if (values.length === 0)
      throw new Refusal('MissingParameter', `The request must contain a value for the filter '${name}'`);
    return { read, patterns: values.map(patternOf) };
  });
  return (item) =>
    compiled.every(({ read, patterns }) =>
      read(item).some((value) => value !== undefined && patterns.some((matches) => matches(value))),
    );
}

function readerOf<T extends Tagged>(
  name: string,
  filterable: Filterable<T>,
): ((item: T) => readonly (string | undefined)[]) | undefined {
  if (name === 'tag-key') return ({ tags }) => Object.keys(tags);
  if (name.startsWith('tag:')) return ({ tags }) => [tags[name.slice('tag:'.length)]];
  return Object.hasOwn(filterable, name) ? filterable[name] : undefined;
}

/** Whether a request names any filter: without one it is dearer. */
export const hasFilter = (query: Query): boolean => query.structures('Filter').length > 0;

function patternOf(pattern: string): (value: string) => boolean {
  if (!/[*?\\]/.test(pattern)) return (value) => value === pattern;
  let source = '';
  for (let index = 0; index < pattern.length; index++) {
    const character = pattern[index] ?? '';
    if (character === '*') source += '[^]*';
    else if (character === '?') source += '[^]?';
    else {
      const literal = character === '\\' ? (pattern[++index] ?? '\\') : character;
      source += literal.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
    }
  }
  const expression = new RegExp(`^${source}$`);
  return (value) => expression.test(value);
}
