/** What every object of the Kubernetes API has, as far as this project reads it. */
export interface KubeObject {
  readonly apiVersion?: string | undefined;
  readonly kind?: string | undefined;
  readonly metadata: KubeMetadata;
}

export interface KubeMetadata {
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly uid?: string | undefined;
  /** Opaque: equal means unchanged. */
  readonly resourceVersion?: string | undefined;
  /** Counts the changes of the spec. */
  readonly generation?: number | undefined;
  readonly creationTimestamp?: string | undefined;
  readonly deletionTimestamp?: string | undefined;
  readonly finalizers?: readonly string[] | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** `namespace/name`, or `name` alone for an object of the cluster. */
export function keyOf({ metadata }: { readonly metadata: Pick<KubeMetadata, 'name' | 'namespace'> }): string {
  return metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
}
