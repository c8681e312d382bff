import type { ResourceType } from './resource-type.ts';

/** An object of one resource, as a request addresses it. */
export interface Address {
  readonly type: ResourceType;
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly subresource?: 'status' | undefined;
}
