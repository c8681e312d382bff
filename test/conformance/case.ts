import type { Session } from './session.ts';

/** What a server must do: a conversation with it. What it must answer is in `recorded/`, from the real server. */
export interface ConformanceCase {
  readonly name: string;
  readonly run: (session: Session) => Promise<void>;
}

const SPEC = {
  source: { account: '111122223333', region: 'us-east-1', images: { names: ['web-*'] } },
  regions: [{ name: 'us-east-1' }],
};

/** A policy that is fine, with something changed in it. */
export function policy(name: string | undefined, changes: Readonly<Record<string, unknown>> = {}): object {
  const { metadata, spec, ...rest } = changes;
  return {
    apiVersion: 'amifleet.io/v1alpha1',
    kind: 'AmiPolicy',
    metadata: { ...(name !== undefined && { name }), ...(metadata as object | undefined) },
    spec: spec === null ? undefined : { ...SPEC, ...spec },
    ...rest,
  };
}

export const MERGE = 'application/merge-patch+json';
export const APPLY = 'application/apply-patch+yaml';
export const JSON_PATCH = 'application/json-patch+json';
export const STRATEGIC = 'application/strategic-merge-patch+json';
export const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
