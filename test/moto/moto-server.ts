import { fileURLToPath } from 'node:url';
import {
  DescribeImageAttributeCommand,
  DescribeImagesCommand,
  DescribeSnapshotsCommand,
  EC2Client,
  type Image,
  type LaunchPermission,
  type Snapshot,
  type Tag,
} from '@aws-sdk/client-ec2';
import { Child } from '../../src/cli/control-plane/child.ts';

export const REQUIREMENTS = fileURLToPath(new URL('requirements.txt', import.meta.url));

/** The account of keys that moto did not hand out. */
export const HOME = '123456789012';
export const OTHER = '222233334444';
/** Keys that mean nothing to moto: they act in the account HOME. */
export const KEYS = { accessKeyId: 'test', secretAccessKey: 'test' };

export interface SeedImage {
  readonly account: string;
  readonly region: string;
  readonly id: string;
  readonly name: string;
  /** ISO 8601. */
  readonly created: string;
  readonly tags?: Readonly<Record<string, string>>;
}

/** A running moto, looked at with the plain SDK. */
export interface Moto {
  readonly endpoint: string;
  /** Empties every account and puts these images there. */
  reset(images: readonly SeedImage[]): Promise<void>;
  /** How often each action was asked for since the start. */
  calls(): Promise<Readonly<Record<string, number>>>;
  ec2(region: string, account?: string): EC2Client;
  /** Every image that an account owns in a region, by name and id. */
  images(region: string, account?: string): Promise<Image[]>;
  snapshotsOf(image: Image, region: string, account?: string): Promise<Snapshot[]>;
  /** Every snapshot of the account HOME in a region. */
  snapshots(region: string): Promise<Snapshot[]>;
  /** Who may launch an image, sorted. */
  sharedWith(imageId: string, region: string): Promise<string[]>;
  stop(): Promise<void>;
}

/**
 * Starts moto on a port that it picks.
 * @param python an interpreter that has the packages of REQUIREMENTS
 * @param options asIs: CopyImage without our additions; evidence: what is asked before a deletion is answered (see docs/moto.md)
 */
export async function startMoto(
  python: string,
  options: { readonly asIs?: boolean; readonly evidence?: boolean } = {},
): Promise<Moto> {
  const script = fileURLToPath(new URL('server.py', import.meta.url));
  const port = (): string | undefined => /listening on (\d+)/.exec(server.output())?.[1];
  const flags = [...(options.asIs ? ['--as-is'] : []), ...(options.evidence ? ['--evidence'] : [])];
  const server = new Child('moto', python, ['-I', script, '0', ...flags], async () => {
    if (port() === undefined) return false;
    return (await fetch(`http://127.0.0.1:${port()}/_calls`)).ok;
  });
  await server.start();
  const endpoint = `http://127.0.0.1:${port()}`;
  const clients = new Map<string, EC2Client>();
  const ec2 = (region: string, account = HOME): EC2Client => {
    const key = `${account}/${region}`;
    let client = clients.get(key);
    if (!client) {
      client = new EC2Client({ endpoint, region, credentials: KEYS });
      actIn(client, account);
      clients.set(key, client);
    }
    return client;
  };
  const post = async (path: string, body: string): Promise<void> => {
    const answer = await fetch(`${endpoint}${path}`, { method: 'POST', body });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  };
  return {
    endpoint,
    ec2,
    reset: async (images) => {
      await post('/moto-api/reset', '');
      await post('/_seed', JSON.stringify(images));
    },
    calls: async () => (await (await fetch(`${endpoint}/_calls`)).json()) as Record<string, number>,
    images: async (region, account) => {
      const { Images = [] } = await ec2(region, account).send(new DescribeImagesCommand({ Owners: ['self'] }));
      return Images.toSorted((left, right) =>
        `${left.Name} ${left.ImageId}` < `${right.Name} ${right.ImageId}` ? -1 : 1,
      );
    },
    snapshotsOf: async (image, region, account) => {
      const ids = (image.BlockDeviceMappings ?? []).flatMap(({ Ebs }) => Ebs?.SnapshotId ?? []);
      const { Snapshots = [] } = await ec2(region, account).send(new DescribeSnapshotsCommand({ SnapshotIds: ids }));
      return Snapshots;
    },
    snapshots: async (region) => {
      const { Snapshots = [] } = await ec2(region).send(new DescribeSnapshotsCommand({ OwnerIds: ['self'] }));
      // moto passes over OwnerIds, and has a few of its own.
      return Snapshots.filter(({ OwnerId }) => OwnerId === HOME);
    },
    sharedWith: async (imageId, region) => {
      const { LaunchPermissions = [] } = await ec2(region).send(
        new DescribeImageAttributeCommand({ ImageId: imageId, Attribute: 'launchPermission' }),
      );
      return LaunchPermissions.map(granteeOf).sort();
    },
    stop: async () => {
      for (const client of clients.values()) client.destroy();
      await server.stop();
    },
  };
}

/** moto's own way to name the account that a request is for, beside keys of AssumeRole. */
function actIn(client: EC2Client, account: string): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      (args.request as { headers: Record<string, string> }).headers['x-moto-account-id'] = account;
      return await next(args);
    },
    { step: 'build', name: 'actIn' },
  );
}

const granteeOf = ({ UserId, Group, OrganizationArn, OrganizationalUnitArn }: LaunchPermission): string =>
  UserId ?? OrganizationArn ?? OrganizationalUnitArn ?? `group ${Group}`;

export const tagsOf = (tags: readonly Tag[] | undefined): Record<string, string> =>
  Object.fromEntries((tags ?? []).map(({ Key = '', Value = '' }) => [Key, Value]));

/** The image `web-<version>` of an account, older the lower its version is. */
export const release = (version: number, account = HOME): SeedImage => ({
  account,
  region: 'us-east-1',
  id: `ami-${account.slice(0, 4)}${String(version).padStart(13, '0')}`,
  name: `web-${version}`,
  created: `2025-0${version}-01T00:00:00Z`,
  tags: { app: 'web', release: 'stable' },
});
