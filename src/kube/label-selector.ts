type Labels = Readonly<Record<string, string>> | undefined;

type Requirement =
  | { readonly kind: 'exists' | 'absent'; readonly key: string }
  | { readonly kind: 'in' | 'notIn'; readonly key: string; readonly values: ReadonlySet<string> };

/** Which objects a label selector finds. */
export type LabelSelector = (labels: Labels) => boolean;

/**
 * Reads a label selector as kubectl takes it: `shard=a`, `shard!=a`, `shard in (a,b)`, `shard notin (a,b)`, `shard`,
 * `!shard`, several joined by commas, all of which must hold. As there, `!=` and `notin` also find objects without the
 * label. An empty selector finds everything.
 * @throws RangeError that shows what cannot be read, and what could be
 */
export function parseLabelSelector(text: string): LabelSelector {
  // A comma within parentheses belongs to the values.
  const parts = text.split(/,(?![^(]*\))/).map((part) => part.trim());
  const requirements = text.trim() === '' ? [] : parts.map(requirementFrom);
  return (labels = {}) => requirements.every((requirement) => holds(requirement, labels));
}

const KEY = '(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?';
const VALUE = '(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?';
const PRESENCE = new RegExp(`^(!?)\\s*(${KEY})$`);
const EQUALITY = new RegExp(`^(${KEY})\\s*(==?|!=)\\s*(${VALUE})$`);
const SET = new RegExp(`^(${KEY})\\s+(in|notin)\\s*\\(\\s*(${VALUE}(?:\\s*,\\s*${VALUE})*)\\s*\\)$`);

function requirementFrom(part: string): Requirement {
  const [, not, key] = PRESENCE.exec(part) ?? [];
  if (key !== undefined) return { kind: not === '!' ? 'absent' : 'exists', key };
  const [, equalKey, sign, value = ''] = EQUALITY.exec(part) ?? [];
  if (equalKey !== undefined) return { kind: sign === '!=' ? 'notIn' : 'in', key: equalKey, values: new Set([value]) };
  const [, setKey, operator, values = ''] = SET.exec(part) ?? [];
  if (setKey !== undefined) {
    const each = values.split(',').map((one) => one.trim());
    return { kind: operator === 'in' ? 'in' : 'notIn', key: setKey, values: new Set(each) };
  }
  throw new RangeError(
    `the label selector has a part that cannot be read: "${part}". Say for example shard=a, shard in (a,b), shard notin (a,b), shard or !shard`,
  );
}

function holds(requirement: Requirement, labels: Readonly<Record<string, string>>): boolean {
  const value = Object.hasOwn(labels, requirement.key) ? labels[requirement.key] : undefined;
  switch (requirement.kind) {
    case 'exists':
      return value !== undefined;
    case 'absent':
      return value === undefined;
    case 'in':
      return value !== undefined && requirement.values.has(value);
    default:
      return value === undefined || !requirement.values.has(value);
  }
}
