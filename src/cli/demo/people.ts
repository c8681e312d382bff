import {
  CopyImageCommand,
  DeregisterImageCommand,
  EC2Client,
  ModifyImageAttributeCommand,
  type Tag,
} from '@aws-sdk/client-ec2';

/** The people of the demo who use AWS behind the controller's back, each with credentials of an account. */
export class People {
  readonly #endpoint: string;

  constructor(endpoint: string) {
    this.#endpoint = endpoint;
  }

  /** A builder releases a new image: made from the last one, it is pending at first, as any new image. */
  async release(account: string, region: string, base: string, name: string, tags: readonly Tag[]): Promise<void> {
    await this.#in(account, region, async (ec2) => {
      await ec2.send(
        new CopyImageCommand({
          Name: name,
          SourceImageId: base,
          SourceRegion: region,
          TagSpecifications: [{ ResourceType: 'image', Tags: [...tags] }],
        }),
      );
    });
  }

  async revoke(account: string, region: string, imageId: string, from: string): Promise<void> {
    await this.#in(account, region, async (ec2) => {
      await ec2.send(
        new ModifyImageAttributeCommand({ ImageId: imageId, LaunchPermission: { Remove: [{ UserId: from }] } }),
      );
    });
  }

  async deregister(account: string, region: string, imageId: string): Promise<void> {
    await this.#in(account, region, async (ec2) => {
      await ec2.send(new DeregisterImageCommand({ ImageId: imageId }));
    });
  }

  async #in(account: string, region: string, act: (ec2: EC2Client) => Promise<void>): Promise<void> {
    const ec2 = new EC2Client({
      endpoint: this.#endpoint,
      region,
      credentials: { accessKeyId: `AKIASIM${account}`, secretAccessKey: 'simulated' },
    });
    try {
      await act(ec2);
    } finally {
      ec2.destroy();
    }
  }
}
