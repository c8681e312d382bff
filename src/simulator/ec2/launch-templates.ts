import { type Call, type Operation, paged } from './call.ts';
import { type Filterable, filterOf } from './filters.ts';
import { Refusal } from './refusal.ts';
import type { SimTemplate, Tags } from './world.ts';

const BOUNDS = { least: 1, most: 200, above: 'refused' } as const;
const NO_TAGS: Tags = {};

const notFound = (name: string): Refusal =>
  new Refusal(
    'InvalidLaunchTemplateName.NotFoundException',
    `The specified launch template, with template ${name}, does not exist.`,
  );

/** @throws Refusal when there is no such template */
function templateOf({ place }: Call, nameOrId: { readonly id: string } | { readonly name: string }): SimTemplate {
  const [field, wanted] = 'id' in nameOrId ? (['id', nameOrId.id] as const) : (['name', nameOrId.name] as const);
  const found = place.templates.find((template) => template[field] === wanted);
  if (found) return found;
  throw field === 'name'
    ? notFound(`name ${wanted}`)
    : new Refusal(
        'InvalidLaunchTemplateId.NotFound',
        `The specified launch template, with template ID ${wanted}, does not exist.`,
      );
}

export const describeLaunchTemplates: Operation = {
  parameters: ['LaunchTemplateId', 'LaunchTemplateName', 'Filter', 'MaxResults', 'NextToken', 'DryRun'],
  mutates: false,
  run(call) {
    const { query, place } = call;
    const wanted = [
      ...query.list('LaunchTemplateId').map((id) => templateOf(call, { id })),
      ...query.list('LaunchTemplateName').map((name) => templateOf(call, { name })),
    ];
    const filterable: Filterable<SimTemplate & { readonly tags: Tags }> = {
      'launch-template-name': ({ name }) => [name],
    };
    const matches = filterOf(query, filterable);
    const { items, nextToken } = paged(
      call,
      BOUNDS,
      () =>
        (wanted.length > 0 ? wanted : place.templates).filter((template) => matches({ ...template, tags: NO_TAGS })),
      ({ id }) => id,
      (id) => place.templates.find((template) => template.id === id),
    );
    return {
      launchTemplates: items.map(({ id, name, versions }) => ({
        launchTemplateId: id,
        launchTemplateName: name,
        defaultVersionNumber: 1,
        latestVersionNumber: versions.length,
      })),
      nextToken,
    };
  },
};

interface Version {
  readonly template: SimTemplate;
  readonly number: number;
  readonly imageId: string;
  readonly tags: Tags;
}

const versionsOf = (template: SimTemplate): Version[] =>
  template.versions.map((imageId, index) => ({ template, number: index + 1, imageId, tags: NO_TAGS }));

const VERSION_FILTERS: Filterable<Version> = {
  'image-id': ({ imageId }) => [imageId],
  'is-default-version': ({ number }) => [String(number === 1)],
};

export const describeLaunchTemplateVersions: Operation = {
  parameters: [
    'LaunchTemplateId',
    'LaunchTemplateName',
    'LaunchTemplateVersion',
    'MinVersion',
    'MaxVersion',
    'Filter',
    'MaxResults',
    'NextToken',
    'ResolveAlias',
    'DryRun',
  ],
  mutates: false,
  run(call) {
    const { query } = call;
    // No image is named by a parameter here: there is no alias to resolve.
    query.flag('ResolveAlias');
    const matches = filterOf(query, VERSION_FILTERS);
    const wanted = wantedVersions(call);
    const nameOf = ({ template, number }: Version): string => `${template.id} ${number}`;
    const byName = new Map(wanted.map((version) => [nameOf(version), version]));
    const { items, nextToken } = paged(
      call,
      BOUNDS,
      () => [...byName.values()].filter(matches),
      nameOf,
      (name) => byName.get(name),
    );
    return {
      launchTemplateVersionSet: items.map(({ template, number, imageId }) => ({
        launchTemplateId: template.id,
        launchTemplateName: template.name,
        versionNumber: number,
        defaultVersion: number === 1,
        launchTemplateData: { imageId },
      })),
      nextToken,
    };
  },
};

function wantedVersions(call: Call): Version[] {
  const { query, place } = call;
  const id = query.get('LaunchTemplateId');
  const name = query.get('LaunchTemplateName');
  if (id !== undefined && name !== undefined)
    throw new Refusal(
      'InvalidParameterCombination',
      'The parameter LaunchTemplateId cannot be used with the parameter LaunchTemplateName',
    );
  const numbers = query.list('LaunchTemplateVersion');
  const named = id === undefined ? (name === undefined ? undefined : { name }) : { id };
  if (named === undefined && (numbers.length === 0 || numbers.some((each) => !/^\$(Latest|Default)$/.test(each))))
    throw new Refusal(
      'MissingParameter',
      'Without a launch template only the versions $Latest and $Default can be described',
    );
  const templates = named === undefined ? place.templates : [templateOf(call, named)];
  const [least, most] = [Number(query.get('MinVersion') ?? 1), Number(query.get('MaxVersion') ?? Infinity)];
  return templates.flatMap((template) =>
    versionsOf(template).filter(({ number }) => {
      if (number < least || number > most) return false;
      const names = [
        String(number),
        ...(number === 1 ? ['$Default'] : []),
        ...(number === template.versions.length ? ['$Latest'] : []),
      ];
      return numbers.length === 0 || names.some((each) => numbers.includes(each));
    }),
  );
}
