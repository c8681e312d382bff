import type { Tag } from '@aws-sdk/client-ec2';
import type { Tags } from '../policy/model.ts';

/** Tags as a request carries them, in one order, so that the same tags are the same request. */
export const sdkTags = (tags: Tags): Tag[] =>
  Object.entries(tags)
    .map(([Key, Value]) => ({ Key, Value }))
    .sort((left, right) => (left.Key < right.Key ? -1 : 1));
