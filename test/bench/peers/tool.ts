/** A way to do the job. */
export interface Tool {
  /**
   * Does it until it is done.
   * @throws Error with what the program said when it failed
   */
  readonly run: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** What every tool finds in its environment: moto takes any keys. */
export const environmentFor = (endpoint: string): Readonly<Record<string, string>> => ({
  AWS_ENDPOINT_URL: endpoint,
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  AWS_DEFAULT_REGION: 'us-east-1',
  AWS_REGION: 'us-east-1',
  AWS_EC2_METADATA_DISABLED: 'true',
});
