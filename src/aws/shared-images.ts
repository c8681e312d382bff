import { DescribeImagesCommand, type DescribeImagesCommandOutput, type Filter } from '@aws-sdk/client-ec2';
import type { Image, SharedListing, Tags } from '../policy/model.ts';
import type { CallOptions, ServiceApi } from './aws-clients.ts';
import { imageFrom } from './from-sdk.ts';
import { Interner } from './interner.ts';
import { FILTER_VALUES } from './listing.ts';

const PAGE = 1000;
/** Some accounts own tens of thousands of public images. */
const MOST_IMAGES = 5000;
const SHARED_TAG = 'ec2:SharedTag/';

/**
 * Lists images of another account that this one may launch, by name and by id, to the last page.
 * @throws AwsError when any page fails, Error when there are too many
 */
export async function listShared(
  ec2: ServiceApi,
  { owner, names, ids }: SharedListing,
  options: CallOptions,
): Promise<Map<string, Image>> {
  const filters: Filter[] = names.length > 0 ? [{ Name: 'name', Values: [...names] }] : [];
  for (let from = 0; from < ids.length; from += FILTER_VALUES)
    filters.push({ Name: 'image-id', Values: ids.slice(from, from + FILTER_VALUES) });
  const images = new Map<string, Image>();
  for (const filter of filters) await list(ec2, owner, filter, images, options);
  return images;
}

async function list(
  ec2: ServiceApi,
  owner: string,
  filter: Filter,
  images: Map<string, Image>,
  options: CallOptions,
): Promise<void> {
  const interner = new Interner();
  let token: string | undefined;
  do {
    const page: DescribeImagesCommandOutput = await ec2.send(
      new DescribeImagesCommand({
        Owners: [owner],
        IncludeDeprecated: true,
        MaxResults: PAGE,
        Filters: [filter],
        ...(token !== undefined && { NextToken: token }),
      }),
      options,
    );
    for (const item of page.Images ?? []) {
      const image = imageFrom(item, interner);
      if (image) images.set(image.id, { ...image, tags: sharedTags(image.tags) });
    }
    if (images.size > MOST_IMAGES)
      throw new Error(`more than ${MOST_IMAGES} of its images match. Narrow source.images.names, or list ids`);
    token = page.NextToken || undefined;
  } while (token !== undefined);
}

/**
 * Of the tags of another account only those are shown that it shares, under a prefix; they count without it. It does not
 * get to say what is ours.
 */
function sharedTags(tags: Tags): Tags {
  return Object.fromEntries(
    Object.entries(tags).flatMap(([key, value]) => {
      const name = key.startsWith(SHARED_TAG) ? key.slice(SHARED_TAG.length) : '';
      return name === '' || name.startsWith('amifleet.io/') || name.startsWith('aws:') ? [] : [[name, value]];
    }),
  );
}
