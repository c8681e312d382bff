import { type Call, type Operation, paged } from './call.ts';
import { checkImageId, isForgotten, visibleImage } from './image-access.ts';
import type { Query } from './query.ts';
import { imageNotFound, Refusal } from './refusal.ts';
import type { SimTemplate } from './world.ts';

const MAX_IMAGES = 10;
const TYPES: ReadonlySet<string> = new Set([
  'ec2:Instance',
  'ec2:LaunchTemplate',
  'ssm:Parameter',
  'imagebuilder:ImageRecipe',
  'imagebuilder:ContainerRecipe',
]);
/** The newest versions of a launch template that are looked at, unless more are asked for. */
const DEFAULT_DEPTH = 10;
const MAX_DEPTH = 10_000;

interface Reference {
  readonly imageId: string;
  readonly resourceType: string;
  readonly arn: string;
}

/** Instances, launch templates and parameters of the own account and region that name an image. */
export const describeImageReferences: Operation = {
  parameters: ['ImageId', 'IncludeAllResourceTypes', 'ResourceType', 'MaxResults', 'NextToken', 'DryRun'],
  mutates: false,
  run(call) {
    const { query } = call;
    const ids = query.list('ImageId');
    if (ids.length === 0) throw new Refusal('MissingParameter', 'The request must contain the parameter ImageId');
    if (ids.length > MAX_IMAGES)
      throw new Refusal('InvalidParameterValue', `At most ${MAX_IMAGES} image IDs can be given in one request`);
    const asked = askedOf(call);
    for (const id of ids) {
      checkImageId(id);
      const image = visibleImage(call, id);
      if (!image || isForgotten(call.world, image)) throw imageNotFound([id]);
    }
    const references = new Map<string, Reference>();
    for (const reference of referencesOf(call, asked)) {
      if (ids.includes(reference.imageId)) references.set(`${reference.arn} ${reference.imageId}`, reference);
    }
    const { items, nextToken } = paged(
      call,
      { least: 1, most: 1000, above: 'refused' },
      () => [...references.values()],
      ({ arn, imageId }) => `${arn} ${imageId}`,
      (name) => references.get(name),
    );
    return { imageReferenceSet: items.map((reference) => ({ ...reference })), nextToken };
  },
};

interface Asked {
  readonly instances: boolean;
  readonly instanceStates: readonly string[];
  /** Zero: none. */
  readonly templateDepth: number;
  readonly parameters: boolean;
}

/** What is to be looked at: all types with their defaults, or those that are named, and the options of those. */
function askedOf({ query }: Call): Asked {
  const all = query.flag('IncludeAllResourceTypes');
  const named = new Map(query.structures('ResourceType').map((entry) => [entry.required('ResourceType'), entry]));
  if (!all && named.size === 0)
    throw new Refusal('MissingParameter', 'Either IncludeAllResourceTypes or ResourceTypes must be specified');
  for (const [type, entry] of named) checkType(type, entry);
  const instances = named.get('ec2:Instance');
  const templates = named.get('ec2:LaunchTemplate');
  return {
    instances: all || instances !== undefined,
    instanceStates: optionOf(instances, 'state-name') ?? ['running'],
    parameters: all || named.has('ssm:Parameter'),
    templateDepth: all || templates ? depthOf(optionOf(templates, 'version-depth'), DEFAULT_DEPTH) : 0,
  };
}

const OPTIONS: Readonly<Record<string, string>> = {
  'ec2:Instance': 'state-name',
  'ec2:LaunchTemplate': 'version-depth',
};

function checkType(type: string, entry: Query): void {
  if (!TYPES.has(type)) throw invalid('resourceType', type);
  for (const option of entry.structures('ResourceTypeOption')) {
    const name = option.required('OptionName');
    if (OPTIONS[type] !== name) throw invalid('optionName', name);
  }
}

export const optionOf = (entry: Query | undefined, name: string): readonly string[] | undefined =>
  entry
    ?.structures('ResourceTypeOption')
    .find((option) => option.get('OptionName') === name)
    ?.list('OptionValue');

/** @throws Refusal */
export function depthOf(values: readonly string[] | undefined, otherwise: number): number {
  if (!values) return otherwise;
  const depth = Number(values[0]);
  if (values.length !== 1 || !(Number.isInteger(depth) && depth >= 1 && depth <= MAX_DEPTH))
    throw invalid('optionValue', values.join(', '));
  return depth;
}

export const invalid = (parameter: string, given: string): Refusal =>
  new Refusal('InvalidParameterValue', `Value (${given}) for parameter ${parameter} is invalid.`);

function referencesOf({ place }: Call, asked: Asked): Reference[] {
  const arn = (kind: string, id: string): string => `arn:aws:ec2:${place.region}:${place.account}:${kind}/${id}`;
  const instances = asked.instances && asked.instanceStates.includes('running') ? place.instances : [];
  const imagesOf = ({ versions }: SimTemplate): readonly string[] =>
    asked.templateDepth === 0 ? [] : versions.slice(-asked.templateDepth);
  return [
    ...instances.map(({ id, imageId }) => ({ imageId, resourceType: 'ec2:Instance', arn: arn('instance', id) })),
    ...(asked.parameters ? [...place.parameters.values()] : [])
      .filter(({ dataType }) => dataType === 'aws:ec2:image')
      .map(({ name, versions }) => ({
        imageId: versions.at(-1)?.value ?? '',
        resourceType: 'ssm:Parameter',
        arn: `arn:aws:ssm:${place.region}:${place.account}:parameter${name}`,
      })),
    ...place.templates.flatMap((template) =>
      imagesOf(template).map((imageId) => ({
        imageId,
        resourceType: 'ec2:LaunchTemplate',
        arn: arn('launch-template', template.id),
      })),
    ),
  ];
}
