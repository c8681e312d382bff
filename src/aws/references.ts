import {
  DescribeImageReferencesCommand,
  type DescribeImageReferencesCommandOutput,
  type ResourceTypeRequest,
} from '@aws-sdk/client-ec2';
import type { References } from '../policy/model.ts';
import type { CallOptions, ServiceApi } from './aws-clients.ts';

/** Every version of a launch template, and not only the ten newest, which is the default (ec2-facts 8.4). */
const ALL_VERSIONS: ResourceTypeRequest = {
  ResourceType: 'ec2:LaunchTemplate',
  ResourceTypeOptions: [{ OptionName: 'version-depth', OptionValues: ['10000'] }],
};
/** The reference of the API says that all states are the default; one that is stopped must not be left to a default. */
const ALL_INSTANCES: ResourceTypeRequest = {
  ResourceType: 'ec2:Instance',
  ResourceTypeOptions: [
    { OptionName: 'state-name', OptionValues: ['pending', 'running', 'stopping', 'stopped', 'shutting-down'] },
  ],
};

/** What refers to an image in its own account and region, to the last page. @throws AwsError */
export async function readReferences(ec2: ServiceApi, imageId: string, options: CallOptions = {}): Promise<References> {
  const found: string[] = [];
  let token: string | undefined;
  do {
    const page: DescribeImageReferencesCommandOutput = await ec2.send(
      new DescribeImageReferencesCommand({
        ImageIds: [imageId],
        IncludeAllResourceTypes: true,
        ResourceTypes: [ALL_INSTANCES, ALL_VERSIONS],
        MaxResults: 1000,
        ...(token !== undefined && { NextToken: token }),
      }),
      options,
    );
    for (const { ResourceType, Arn } of page.ImageReferences ?? []) {
      found.push(`${ResourceType ?? 'resource'} ${Arn === undefined ? 'without a name' : nameIn(Arn)}`);
    }
    token = page.NextToken || undefined;
  } while (token !== undefined);
  return found.sort();
}

/** `arn:aws:ec2:eu-west-1:111122223333:instance/i-0abc` → `i-0abc`; the names of parameters and recipes have slashes. */
const nameIn = (arn: string): string => arn.slice(arn.indexOf('/') + 1);
