import {
  DescribeImagesCommand,
  type DescribeImagesCommandOutput,
  DescribeSnapshotsCommand,
  type DescribeSnapshotsCommandOutput,
  type Filter,
} from '@aws-sdk/client-ec2';
import type { Image, Snapshot } from '../policy/model.ts';
import { TAG } from '../policy/tags.ts';
import type { CallOptions, ServiceApi } from './aws-clients.ts';
import { AwsError } from './aws-error.ts';
import { imageFrom, snapshotFrom } from './from-sdk.ts';
import { Interner } from './interner.ts';
import { readImage, readSnapshot } from './listing-items.ts';
import { takeSet } from './take-set.ts';

const PAGE = 1000;

/** `own`: every image of the account, as a selector needs it. `copies`: only what carries our tags. */
export type Scope = 'own' | 'copies';

/**
 * Lists the images of a target to the last page. Deprecated and disabled ones are asked for by name: EC2 hides them.
 * @throws AwsError when any page fails: half a listing is none
 */
export async function listImages(
  ec2: ServiceApi,
  scope: Scope,
  options: CallOptions,
  interner?: Interner,
): Promise<Map<string, Image>> {
  const filters: Filter[] = scope === 'copies' ? [{ Name: 'tag-key', Values: [TAG.sourceImage] }] : [];
  return await describeImages(ec2, filters, options, interner);
}

/** Images of the account that match EC2 filters. Unknown values in a filter are passed over, unlike unknown ids. */
export async function describeImages(
  ec2: ServiceApi,
  filters: readonly Filter[],
  options: CallOptions,
  interner = new Interner(),
): Promise<Map<string, Image>> {
  const images = new Map<string, Image>();
  let token: string | undefined;
  do {
    const command = new DescribeImagesCommand({
      Owners: ['self'],
      IncludeDeprecated: true,
      IncludeDisabled: true,
      MaxResults: PAGE,
      ...(filters.length > 0 && { Filters: [...filters] }),
      ...(token !== undefined && { NextToken: token }),
    });
    const items = takeSet(command, 'imagesSet', readImage);
    const page: DescribeImagesCommandOutput = await ec2.send(command, options);
    for (const item of items()) {
      const image = imageFrom(item, interner);
      if (image) images.set(image.id, image);
    }
    token = page.NextToken || undefined;
  } while (token !== undefined);
  return images;
}

/** Lists the snapshots that carry our tags. */
export async function listSnapshots(
  ec2: ServiceApi,
  options: CallOptions,
  interner?: Interner,
): Promise<Map<string, Snapshot>> {
  return await describeSnapshots(ec2, [{ Name: 'tag-key', Values: [TAG.sourceImage] }], options, interner);
}

/** Snapshots of the account that match EC2 filters. */
export async function describeSnapshots(
  ec2: ServiceApi,
  filters: readonly Filter[],
  options: CallOptions,
  interner = new Interner(),
): Promise<Map<string, Snapshot>> {
  const snapshots = new Map<string, Snapshot>();
  let token: string | undefined;
  do {
    const command = new DescribeSnapshotsCommand({
      OwnerIds: ['self'],
      MaxResults: PAGE,
      Filters: [...filters],
      ...(token !== undefined && { NextToken: token }),
    });
    const items = takeSet(command, 'snapshotSet', readSnapshot);
    const page: DescribeSnapshotsCommandOutput = await ec2.send(command, options);
    for (const item of items()) {
      const snapshot = snapshotFrom(item, interner);
      if (snapshot) snapshots.set(snapshot.id, snapshot);
    }
    token = page.NextToken || undefined;
  } while (token !== undefined);
  return snapshots;
}

/** EC2 takes 200 values in the filters of a request (ec2-facts, section 3). */
export const FILTER_VALUES = 200;

/** Which of these ids are images of the account by now, and not deregistered. */
export async function imagesById(
  ec2: ServiceApi,
  ids: readonly string[],
  options: CallOptions,
): Promise<Map<string, Image>> {
  const images = new Map<string, Image>();
  for (let from = 0; from < ids.length; from += FILTER_VALUES) {
    const batch = ids.slice(from, from + FILTER_VALUES);
    for (const [id, image] of await describeImages(ec2, [{ Name: 'image-id', Values: batch }], options))
      if (image.state !== 'deregistered') images.set(id, image);
  }
  return images;
}

/**
 * The images of the account that were made from others, by the id of those. EC2 records it, and it stays when they go.
 * @throws AwsError when any page fails
 */
export async function listMadeFrom(
  ec2: ServiceApi,
  sourceIds: readonly string[],
  options: CallOptions,
): Promise<Map<string, Image[]>> {
  const found: Image[] = [];
  for (let from = 0; from < sourceIds.length; from += FILTER_VALUES) {
    const batch = sourceIds.slice(from, from + FILTER_VALUES);
    found.push(...(await describeImages(ec2, [{ Name: 'source-image-id', Values: batch }], options)).values());
  }
  return Map.groupBy(found, ({ madeFrom }) => madeFrom ?? '');
}

/** What EC2 says of one id when it is asked for by name. */
export type ById =
  | { readonly kind: 'there'; readonly image: Image }
  | { readonly kind: 'notFound' }
  | { readonly kind: 'gone' };

/**
 * Asks for one image by its id. A new id may be `notFound` for a while; an image that was deregistered first answers with
 * an empty list, in the state `deregistered`, or as no longer available (ec2-facts 2.4 and 8.1).
 */
export async function describeById(ec2: ServiceApi, imageId: string, options: CallOptions): Promise<ById> {
  try {
    const answer: DescribeImagesCommandOutput = await ec2.send(
      new DescribeImagesCommand({ ImageIds: [imageId], IncludeDeprecated: true, IncludeDisabled: true }),
      options,
    );
    const image = answer.Images?.map((each) => imageFrom(each)).find((each) => each?.id === imageId);
    return image && image.state !== 'deregistered' ? { kind: 'there', image } : { kind: 'gone' };
  } catch (error) {
    if (error instanceof AwsError && error.class === 'notFound') return { kind: 'notFound' };
    if (error instanceof AwsError && error.code === 'InvalidAMIID.Unavailable') return { kind: 'gone' };
    throw error;
  }
}
