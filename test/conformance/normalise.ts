/**
 * Lists whose order is chance: managers are in the order of times to the second, conflicts with them in none, and
 * the resources of a group in the order in which their definitions happened to be established.
 */
const UNORDERED: ReadonlySet<string> = new Set(['managedFields', 'causes', 'resources']);

/** What may differ between two servers that do the same: ids, times, versions and generated names. */
export class Normaliser {
  readonly #labels = new Map<string, string>();
  readonly #counts = new Map<string, number>();

  /** Text that has this in it gets the label in its place. */
  name(text: string, label: string): void {
    this.#labels.set(text, label);
  }

  value(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.value(item));
    if (typeof value === 'string') return this.text(value);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(([key, child]) => [this.text(key), this.#field(key, child, value)]);
    return Object.fromEntries(entries.toSorted(([one], [other]) => (String(one) < String(other) ? -1 : 1)));
  }

  text(text: string): string {
    let result = text;
    for (const [found, label] of this.#labels) result = result.replaceAll(found, label);
    return result
      .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, 'TIME')
      .replaceAll(/(too old resource version: \d+ )\(\d+\)/g, '$1(VERSION)')
      .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (uid) => this.#label(uid, 'uid'));
  }

  #field(key: string, value: unknown, parent: object): unknown {
    if (key === 'resourceVersion' && typeof value === 'string' && value !== '') {
      // A list is as new as the whole server is; of an object every write counts.
      return 'uid' in parent ? this.#label(`rv:${value}`, 'rv') : 'VERSION';
    }
    if (key === 'continue' && value !== '') return 'CONTINUE';
    if (UNORDERED.has(key) && Array.isArray(value)) return this.#sorted(value);
    if (key === 'cells' && Array.isArray(value)) {
      return value.map((cell: unknown) => (/^\d+s$/.test(String(cell)) ? 'AGE' : this.value(cell)));
    }
    return this.value(value);
  }

  #sorted(entries: readonly unknown[]): unknown {
    const written = entries.map((entry) => this.value(entry));
    return written.toSorted((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1));
  }

  #label(text: string, kind: string): string {
    const known = this.#labels.get(text);
    if (known !== undefined) return known;
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    this.#labels.set(text, `${kind}-${count}`);
    return `${kind}-${count}`;
  }
}
