import {
  GetEbsDefaultKmsKeyIdCommand,
  GetEbsEncryptionByDefaultCommand,
  GetImageBlockPublicAccessStateCommand,
} from '@aws-sdk/client-ec2';
import { DescribeKeyCommand, type KeyMetadata } from '@aws-sdk/client-kms';
import type { EncryptionDefaults, Key } from '../policy/model.ts';
import type { CallOptions, ServiceApi } from './aws-clients.ts';
import { AwsError } from './aws-error.ts';
import { describeSnapshots } from './listing.ts';

/**
 * A key as the account that would use it may see it.
 * @throws AwsError where nothing can be said of it
 */
export async function readKey(kms: ServiceApi, name: string, options: CallOptions): Promise<Key> {
  try {
    const { KeyMetadata: key } = await kms.send(new DescribeKeyCommand({ KeyId: name }), options);
    if (!key?.Arn) return { kind: 'missing' };
    const why = whyUnusable(key);
    return why === undefined
      ? { kind: 'usable', arn: key.Arn, managedByAws: key.KeyManager === 'AWS' }
      : { kind: 'unusable', arn: key.Arn, why };
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    if (error.code === 'NotFoundException') return { kind: 'missing' };
    // Not credentials that are wrong: those have codes of their own.
    if (error.code === 'AccessDeniedException') return { kind: 'denied', why: error.message };
    throw error;
  }
}

/** EBS takes symmetric keys for encryption only, and only while they are enabled. */
function whyUnusable({ KeySpec, KeyState, KeyUsage }: KeyMetadata): string | undefined {
  if (KeySpec !== undefined && KeySpec !== 'SYMMETRIC_DEFAULT') return `it is asymmetric (${KeySpec})`;
  if (KeyUsage !== undefined && KeyUsage !== 'ENCRYPT_DECRYPT') return `it is for ${KeyUsage}`;
  if (KeyState !== undefined && KeyState !== 'Enabled') return `its state is ${KeyState}`;
  return undefined;
}

/** The ARN of the key that a snapshot of the account is encrypted with; empty where it is not encrypted. */
export async function readSnapshotKey(ec2: ServiceApi, snapshotId: string, options: CallOptions): Promise<string> {
  const found = await describeSnapshots(ec2, [{ Name: 'snapshot-id', Values: [snapshotId] }], options);
  const snapshot = found.get(snapshotId);
  if (!snapshot) throw new Error(`${snapshotId} is not shown`);
  return snapshot.kmsKeyId ?? '';
}

/** Whether a region blocks images from being made public. @throws AwsError */
export async function readPublicBlocked(ec2: ServiceApi, options: CallOptions): Promise<boolean> {
  const { ImageBlockPublicAccessState } = await ec2.send(new GetImageBlockPublicAccessStateCommand({}), options);
  return ImageBlockPublicAccessState !== 'unblocked';
}

/** @throws AwsError */
export async function readEncryption(ec2: ServiceApi, options: CallOptions): Promise<EncryptionDefaults> {
  const [enabled, key] = await Promise.all([
    ec2.send(new GetEbsEncryptionByDefaultCommand({}), options),
    ec2.send(new GetEbsDefaultKmsKeyIdCommand({}), options),
  ]);
  return { byDefault: enabled.EbsEncryptionByDefault === true, key: key.KmsKeyId ?? 'alias/aws/ebs' };
}
