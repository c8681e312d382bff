import type { Random } from '../../ambient/random.ts';
import type { Answer } from './call.ts';
import type { Xml } from './xml.ts';

/** The same items in another order. */
export function shuffled<T>(random: Random, items: readonly T[]): T[] {
  const list = [...items];
  for (let index = list.length - 1; index > 0; index--) {
    const other = Math.floor(random.next() * (index + 1));
    [list[index], list[other]] = [list[other] as T, list[index] as T];
  }
  return list;
}

/** The disks of an image come as they were given, the root first: everybody sees them so, though nobody promises it. */
const IN_ORDER = 'blockDeviceMapping';

/** An answer with every list in it in another order: EC2 promises none for any. */
export function inNoOrder(random: Random, answer: Answer): Answer {
  const mixed = (value: Xml): Xml => {
    if (Array.isArray(value)) return shuffled(random, value.map(mixed));
    return typeof value === 'object' ? inNoOrder(random, value as Answer) : value;
  };
  const entries = Object.entries(answer);
  return Object.fromEntries(entries.map(([name, value]) => [name, name === IN_ORDER ? value : mixed(value)]));
}
