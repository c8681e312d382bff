import type { Tags } from './model.ts';

/** The name of a parameter, or what about the values that go into it is wrong. */
export type ParameterName = { readonly ok: true; readonly name: string } | { readonly ok: false; readonly why: string };

/** SSM allows names of so many characters and levels. */
const LONGEST = 1011;
const MOST_LEVELS = 15;

/** Fills `{KEY}` with the values of the groupBy tags of a family, and `{architecture}`. */
export function parameterName(template: string, architecture: string, group: Tags): ParameterName {
  let why: string | undefined;
  const name = template.replaceAll(/\{([^{}]*)\}/g, (placeholder, key: string) => {
    const value = key === 'architecture' ? architecture : (group[key] ?? '');
    if (!/^[a-zA-Z0-9_.-]+(\/[a-zA-Z0-9_.-]+)*$/.test(value))
      why ??= `${placeholder} is ${JSON.stringify(value)}, and names of parameters hold letters, digits and _ . - / only`;
    return value;
  });
  if (why !== undefined) return { ok: false, why };
  if (name.length > LONGEST)
    return { ok: false, why: `${name.length} characters are more than SSM takes (${LONGEST})` };
  if (name.split('/').length - 1 > MOST_LEVELS) return { ok: false, why: `SSM takes ${MOST_LEVELS} levels at most` };
  if (!/^\/[a-zA-Z0-9_.\-/]*[a-zA-Z0-9_.-]$/.test(name)) return { ok: false, why: `${name} is no name of a parameter` };
  return { ok: true, name };
}
