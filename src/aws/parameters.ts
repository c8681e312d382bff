import {
  AddTagsToResourceCommand,
  DeleteParameterCommand,
  DescribeParametersCommand,
  type DescribeParametersCommandOutput,
  GetParameterCommand,
  PutParameterCommand,
} from '@aws-sdk/client-ssm';
import type { OwnParameter, Parameter } from '../policy/model.ts';
import type { CallOf } from '../policy/plan.ts';
import { TAG } from '../policy/tags.ts';
import type { CallOptions, ServiceApi } from './aws-clients.ts';
import { AwsError } from './aws-error.ts';
import { CalledOff } from './called-off.ts';
import type { OpenTarget } from './inventories.ts';

/** @throws AwsError */
export async function readParameter(
  ssm: ServiceApi,
  name: string,
  options: CallOptions,
): Promise<Parameter | undefined> {
  try {
    const { Parameter: found } = await ssm.send(new GetParameterCommand({ Name: name }), options);
    return { value: found?.Value ?? '', version: found?.Version ?? 0 };
  } catch (error) {
    if (error instanceof AwsError && error.code === 'ParameterNotFound') return undefined;
    throw error;
  }
}

/** What a parameter says of itself; undefined: there is none. @throws AwsError */
export async function readDescription(
  ssm: ServiceApi,
  name: string,
  options: CallOptions,
): Promise<string | undefined> {
  const { Parameters: found = [] } = await ssm.send(
    new DescribeParametersCommand({ ParameterFilters: [{ Key: 'Name', Option: 'Equals', Values: [name] }] }),
    options,
  );
  const parameter = found.find(({ Name }) => Name === name);
  return parameter && (parameter.Description ?? '');
}

/** The parameters that carry the tag of a cluster, to the last page. @throws AwsError */
export async function listOwnParameters(
  ssm: ServiceApi,
  cluster: string,
  options: CallOptions,
): Promise<readonly OwnParameter[]> {
  const found: OwnParameter[] = [];
  let token: string | undefined;
  do {
    const page: DescribeParametersCommandOutput = await ssm.send(
      new DescribeParametersCommand({
        ParameterFilters: [{ Key: `tag:${TAG.cluster}`, Option: 'Equals', Values: [cluster] }],
        MaxResults: 50,
        ...(token !== undefined && { NextToken: token }),
      }),
      options,
    );
    for (const { Name, Description = '' } of page.Parameters ?? [])
      if (Name !== undefined) found.push({ name: Name, description: Description });
    token = page.NextToken || undefined;
  } while (token !== undefined);
  return found.toSorted((left, right) => (left.name < right.name ? -1 : 1));
}

/** SSM has no conditional write, so the parameter is read once more right before. */
export async function putParameter(
  call: CallOf<'putParameter'>,
  { ssm, inventory }: OpenTarget,
  options: CallOptions,
): Promise<void> {
  const { name, value, description, instead, adopts } = call;
  const now = await readParameter(ssm, name, options);
  if (now?.version !== instead) throw changed(name);
  const tags = Object.entries(call.tags).map(([Key, Value]) => ({ Key, Value }));
  if (adopts !== undefined) {
    if ((await readDescription(ssm, name, options)) !== adopts) throw changed(name);
    // Before the value: stopped in between, it is not ours yet by its description, and is taken over again.
    await ssm.send(new AddTagsToResourceCommand({ ResourceType: 'Parameter', ResourceId: name, Tags: tags }));
  }
  const common = {
    Name: name,
    Value: value,
    Type: 'String',
    DataType: 'aws:ec2:image',
    Description: description,
  } as const;
  // Tags and Overwrite exclude each other.
  await ssm.send(
    instead === undefined
      ? new PutParameterCommand({ ...common, Tags: tags })
      : new PutParameterCommand({ ...common, Overwrite: true }),
  );
  inventory.parameterPut(name, value, description);
}

const changed = (name: string): CalledOff =>
  new CalledOff('ParameterChanged', `${name} was written by somebody else since this was planned; it is decided again`);

/** Deletes a parameter, after a last look at what it says of whose it is. */
export async function deleteParameter(
  { name, description }: CallOf<'deleteParameter'>,
  { ssm, inventory }: OpenTarget,
  options: CallOptions,
): Promise<void> {
  const now = await readDescription(ssm, name, options);
  if (now !== undefined && now !== description) throw changed(name);
  try {
    if (now !== undefined) await ssm.send(new DeleteParameterCommand({ Name: name }));
  } catch (error) {
    if (!(error instanceof AwsError && error.code === 'ParameterNotFound')) throw error;
  }
  inventory.parameterDeleted(name);
}
