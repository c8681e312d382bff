import { between } from '../../ambient/random.ts';
import type { Json, JsonCall } from './json-operations.ts';
import { Refusal } from './refusal.ts';
import type { SimParameter } from './world.ts';

type Answer = { readonly [name: string]: Json };

const NAME = /^[a-zA-Z0-9_.\-/]+$/;
/** ec2 image ids are looked at after the call has been answered. */
const CHECK_MS = [500, 3000] as const;
const MOST_VERSIONS = 100;

const text = (input: JsonCall['input'], name: string): string | undefined => {
  const value = input[name];
  return typeof value === 'string' ? value : undefined;
};

function required(input: JsonCall['input'], name: string): string {
  const value = text(input, name);
  if (value === undefined || value === '')
    throw new Refusal(
      'ValidationException',
      `1 validation error detected: Value at '${name[0]?.toLowerCase()}${name.slice(1)}' failed to satisfy constraint: Member must not be null`,
    );
  return value;
}

const notFound = (name: string): Refusal => new Refusal('ParameterNotFound', `Parameter ${name} not found.`);

/** What is to be seen of a parameter now: a value that is still being checked is not. */
function shown(
  { world }: JsonCall,
  parameter: SimParameter,
): { readonly value: string; readonly version: number } | undefined {
  return parameter.versions.findLast(({ seenAt }) => seenAt <= world.now());
}

/** SSM PutParameter. An image id that no available image has is dropped after the call, and the old value stays. */
export function putParameter(call: JsonCall): Answer {
  const { input, world, place } = call;
  const name = required(input, 'Name');
  const value = required(input, 'Value');
  const overwrite = input['Overwrite'] === true;
  const tags = tagsIn(input);
  if (!NAME.test(name))
    throw new Refusal(
      'ValidationException',
      'Parameter name must be a fully qualified name of letters, digits and _.-/',
    );
  if (/^\/?(aws|ssm)/i.test(name))
    throw new Refusal('ValidationException', 'Parameter name: can\'t be prefixed with "ssm" (case-insensitive).');
  const before = place.parameters.get(name);
  if (overwrite && Object.keys(tags).length > 0)
    throw new Refusal('ValidationException', "Invalid request: tags and overwrite can't be used together.");
  if (before && !overwrite)
    throw new Refusal(
      'ParameterAlreadyExists',
      'The parameter already exists. To overwrite this value, set the overwrite option in the request to true.',
    );
  const dataType = text(input, 'DataType') ?? before?.dataType ?? 'text';
  const now = world.now();
  const image = place.images.get(value) ?? world.findImage(value, place.region);
  const isImage = /^ami-[0-9a-f]+$/.test(value) && image?.state === 'available';
  const dropped = dataType === 'aws:ec2:image' && !isImage;
  const [low, high] = CHECK_MS;
  const seenAt = now + (dataType === 'aws:ec2:image' ? between(place.random, low, high) : 0);
  const version = (before?.versions.at(-1)?.version ?? 0) + 1;
  if (before && before.versions.length >= MOST_VERSIONS) before.versions.shift();
  place.parameters.set(name, {
    name,
    dataType,
    description: text(input, 'Description') ?? before?.description ?? '',
    tags: before ? before.tags : tags,
    versions: [...(before?.versions ?? []), ...(dropped ? [] : [{ value, version, seenAt }])],
  });
  return { Version: version, Tier: 'Standard' };
}

export function getParameter(call: JsonCall): Answer {
  const name = required(call.input, 'Name');
  const parameter = call.place.parameters.get(name);
  const now = parameter && shown(call, parameter);
  if (!now) throw notFound(name);
  return {
    Parameter: {
      Name: name,
      Type: 'String',
      Value: now.value,
      Version: now.version,
      DataType: parameter.dataType,
      ARN: arnOf(call, name),
    },
  };
}

export function getParameterHistory(call: JsonCall): Answer {
  const name = required(call.input, 'Name');
  const parameter = call.place.parameters.get(name);
  if (!parameter) throw notFound(name);
  return {
    Parameters: parameter.versions.map(({ value, version }) => ({ Name: name, Value: value, Version: version })),
  };
}

/** By name or by a tag; both are filters that EC2's siblings take without a page of their own. */
export function describeParameters(call: JsonCall): Answer {
  const filters = (call.input['ParameterFilters'] ?? []) as readonly { Key: string; Values?: readonly string[] }[];
  const matches = (parameter: SimParameter): boolean =>
    filters.every(({ Key, Values = [] }) => {
      if (Key === 'Name') return Values.includes(parameter.name);
      if (!Key.startsWith('tag:'))
        throw new Refusal('InvalidFilterKey', `The following filter key is not valid: ${Key}`);
      const value = parameter.tags[Key.slice(4)];
      return value !== undefined && (Values.length === 0 || Values.includes(value));
    });
  const size = Math.min(Number(call.input['MaxResults'] ?? 50), 50);
  const start = Number(text(call.input, 'NextToken') ?? 0);
  const found = [...call.place.parameters.values()].filter((each) => shown(call, each) && matches(each));
  const page = found.slice(start, start + size);
  return {
    Parameters: page.map((parameter) => ({
      Name: parameter.name,
      Type: 'String',
      Description: parameter.description,
      Version: shown(call, parameter)?.version,
      DataType: parameter.dataType,
    })),
    ...(start + size < found.length && { NextToken: String(start + size) }),
  };
}

export function addTagsToResource(call: JsonCall): Answer {
  const name = required(call.input, 'ResourceId');
  const type = required(call.input, 'ResourceType');
  const parameter = call.place.parameters.get(name);
  if (type !== 'Parameter') throw new Refusal('InvalidResourceType', 'The resource type is not valid.');
  if (!parameter)
    throw new Refusal(
      'InvalidResourceId',
      'The resource ID is not valid. Verify that you entered the correct ID and try again.',
    );
  call.place.parameters.set(name, { ...parameter, tags: { ...parameter.tags, ...tagsIn(call.input) } });
  return {};
}

export function deleteParameter({ input, place }: JsonCall): Answer {
  const name = required(input, 'Name');
  if (!place.parameters.delete(name)) throw notFound(name);
  return {};
}

function tagsIn(input: JsonCall['input']): Readonly<Record<string, string>> {
  const tags = (input['Tags'] ?? []) as readonly { Key: string; Value: string }[];
  return Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value]));
}

const arnOf = ({ place }: JsonCall, name: string): string =>
  `arn:aws:ssm:${place.region}:${place.account}:parameter${name.startsWith('/') ? '' : '/'}${name}`;
