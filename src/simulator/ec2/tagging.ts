import { Refusal } from './refusal.ts';
import type { Tags } from './world.ts';

const MAX_TAGS = 50;

/** @throws Refusal TagLimitExceeded */
export function checkTagCount(tags: Tags): void {
  if (Object.keys(tags).length > MAX_TAGS)
    throw new Refusal('TagLimitExceeded', `The maximum number of Tags allowed is ${MAX_TAGS}`);
}

/** @throws Refusal for a key or a value that EC2 does not take, or a key that is given twice */
export function checkedTags(pairs: readonly (readonly [key: string | undefined, value: string])[]): Tags {
  const tags: Record<string, string> = {};
  for (const [key, value] of pairs) {
    if (key === undefined) throw new Refusal('MissingParameter', 'The request must contain the parameter Tag.Key');
    const wrong = (why: string): Refusal => new Refusal('InvalidParameterValue', why);
    if (key === '') throw wrong('Tag key cannot be empty');
    if (key.length > 128) throw wrong('Tag key exceeds the maximum length of 128 characters');
    if (value.length > 256) throw wrong('Tag value exceeds the maximum length of 256 characters');
    if (/^aws:/i.test(key)) throw wrong("Tag keys starting with 'aws:' are reserved for internal use");
    if (Object.hasOwn(tags, key)) throw wrong(`Duplicate tag key '${key}' specified.`);
    tags[key] = value;
  }
  checkTagCount(tags);
  return tags;
}
