import { Refusal } from './refusal.ts';
import { checkedTags } from './tagging.ts';
import type { Tags } from './world.ts';

/** The parameters of a Query request: `Name.1=…`, `A.1.B.2.C=…`. */
export class Query {
  readonly #values: ReadonlyMap<string, string>;
  readonly #prefix: string;

  constructor(values: ReadonlyMap<string, string>, prefix = '') {
    this.#values = values;
    this.#prefix = prefix;
  }

  get(name: string): string | undefined {
    return this.#values.get(this.#prefix + name);
  }

  /** @throws Refusal MissingParameter */
  required(name: string): string {
    const value = this.get(name);
    if (value === undefined || value === '') {
      throw new Refusal('MissingParameter', `The request must contain the parameter ${this.#prefix}${name}`);
    }
    return value;
  }

  flag(name: string): boolean {
    const value = this.get(name);
    if (value !== undefined && value !== 'true' && value !== 'false') {
      throw new Refusal('InvalidParameterValue', `Invalid value '${value}' for ${name}. Expecting true or false`);
    }
    return value === 'true';
  }

  /** `Name.1`, `Name.2`, …, in order. */
  list(name: string): string[] {
    return this.#indexes(name).map((index) => this.get(`${name}.${index}`) ?? '');
  }

  /** `Name.1.…`, `Name.2.…`: each with its own parameters. */
  structures(name: string): Query[] {
    return this.#indexes(name).map((index) => new Query(this.#values, `${this.#prefix}${name}.${index}.`));
  }

  /** `Name.…` as one structure. */
  structure(name: string): Query {
    return new Query(this.#values, `${this.#prefix}${name}.`);
  }

  /** The first parts of the names that are given. */
  names(): Set<string> {
    const names = [...this.#values.keys()].filter((key) => key.startsWith(this.#prefix));
    return new Set(names.map((key) => key.slice(this.#prefix.length).split('.')[0] ?? ''));
  }

  /** What makes two requests the same: every parameter, in order, but for those named. */
  fingerprint(except: readonly string[]): string {
    const entries = [...this.#values]
      .filter(([key]) => !except.includes(key))
      .toSorted(([left], [right]) => (left < right ? -1 : 1));
    return JSON.stringify(entries);
  }

  entries(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#values);
  }

  #indexes(name: string): number[] {
    const start = `${this.#prefix}${name}.`;
    const indexes = new Set<number>();
    for (const key of this.#values.keys()) {
      if (!key.startsWith(start)) continue;
      const index = Number(key.slice(start.length).split('.')[0]);
      if (Number.isInteger(index)) indexes.add(index);
    }
    return [...indexes].sort((left, right) => left - right);
  }
}

/** `TagSpecification.N`: tags by the type of resource they are for. */
export function tagSpecifications(query: Query, types: readonly string[]): Map<string, Tags> {
  const found = new Map<string, Tags>();
  for (const specification of query.structures('TagSpecification')) {
    const type = specification.required('ResourceType');
    if (!types.includes(type))
      throw new Refusal('InvalidParameterValue', `'${type}' is not a valid taggable resource type for this operation.`);
    if (found.has(type))
      throw new Refusal('InvalidParameterValue', `The resource type '${type}' is given more than once.`);
    found.set(type, tagsOf(specification));
  }
  return found;
}

/** `Tag.N.Key`, `Tag.N.Value`. */
export const tagsOf = (query: Query): Tags =>
  checkedTags(query.structures('Tag').map((tag) => [tag.get('Key'), tag.get('Value') ?? ''] as const));
