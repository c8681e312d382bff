import type { Query } from './query.ts';
import { Refusal } from './refusal.ts';

/** The values of a resource that a filter compares with; undefined: there is no such filter. */
export type Attributes = (name: string) => readonly string[] | undefined;

const MAX_VALUES = 200;

/**
 * Reads `Filter.N`: filters are joined by AND, their values by OR; `*` stands for any characters, `?` for none or one, a
 * backslash takes the next character as it is.
 * @throws Refusal for an unknown filter, or too many values
 */
export function filterOf(query: Query): (attributes: Attributes) => boolean {
  const filters = query
    .structures('Filter')
    .map((filter) => ({ name: filter.required('Name'), values: filter.list('Value') }));
  const count = filters.reduce((sum, { values }) => sum + values.length, 0);
  if (count > MAX_VALUES)
    throw new Refusal(
      'FilterLimitExceeded',
      `The maximum number of filter values specified on a single call is ${MAX_VALUES}`,
    );
  const compiled = filters.map(({ name, values }) => ({ name, patterns: values.map(patternOf) }));
  return (attributes) =>
    compiled.every(({ name, patterns }) => {
      const actual = attributes(name);
      if (!actual) throw new Refusal('InvalidParameterValue', `The filter '${name}' is invalid`);
      return patterns.length === 0 || actual.some((value) => patterns.some((matches) => matches(value)));
    });
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

/** `tag:<key>` and `tag-key`, which every resource has. */
export function tagAttribute(name: string, tags: Readonly<Record<string, string>>): readonly string[] | undefined {
  if (name === 'tag-key') return Object.keys(tags);
  if (name.startsWith('tag:')) {
    const value = tags[name.slice(4)];
    return value === undefined ? [] : [value];
  }
  return undefined;
}
