import { type Call, type Operation, tagSet } from './call.ts';
import { ownImage } from './describe-images.ts';
import { filterOf } from './filters.ts';
import { Refusal } from './refusal.ts';
import type { Xml } from './xml.ts';

export const describeRegions: Operation = {
  parameters: ['RegionName', 'AllRegions', 'Filter', 'DryRun'],
  mutates: false,
  run({ query, world, place }) {
    const names = new Set(query.list('RegionName'));
    const all = query.flag('AllRegions');
    const regions = world
      .regionsOf(place.account)
      .filter(({ name, enabled }) => (enabled || all) && (names.size === 0 || names.has(name)));
    for (const name of names) {
      if (!regions.some((region) => region.name === name))
        throw new Refusal('InvalidParameterValue', `Invalid region name: ${name}`);
    }
    return {
      regionInfo: regions.map(({ name, optIn, enabled }) => ({
        regionName: name,
        regionEndpoint: `ec2.${name}.amazonaws.com`,
        optInStatus: optIn ? (enabled ? 'opted-in' : 'not-opted-in') : 'opt-in-not-required',
      })),
    };
  },
};

export const describeInstances: Operation = {
  parameters: ['InstanceId', 'Filter', 'MaxResults', 'NextToken', 'DryRun'],
  mutates: false,
  run(call) {
    const matches = filterOf(call.query);
    const instances = new Map(call.place.instances.map((instance) => [instance.id, instance]));
    const list = (): string[] =>
      [...instances.values()]
        .filter((instance) =>
          matches((name) =>
            name === 'image-id'
              ? [instance.imageId]
              : name === 'instance-state-name'
                ? ['running']
                : name === 'instance-id'
                  ? [instance.id]
                  : undefined,
          ),
        )
        .map(({ id }) => id);
    const { ids, nextToken } = call.paging.page('DescribeInstances', call.query, list, [5, 1000]);
    return {
      reservationSet: ids.flatMap((id) => {
        const instance = instances.get(id);
        if (!instance) return [];
        return [
          {
            reservationId: `r-${id.slice(2)}`,
            ownerId: call.place.account,
            instancesSet: [
              {
                instanceId: id,
                imageId: instance.imageId,
                instanceState: { code: 16, name: 'running' },
                tagSet: tagSet(instance.tags),
              },
            ],
          },
        ];
      }),
      nextToken,
    };
  },
};

export const describeLaunchTemplates: Operation = {
  parameters: ['LaunchTemplateId', 'LaunchTemplateName', 'Filter', 'MaxResults', 'NextToken', 'DryRun'],
  mutates: false,
  run(call) {
    const templates = new Map(call.place.templates.map((template) => [template.id, template]));
    const { ids, nextToken } = call.paging.page(
      'DescribeLaunchTemplates',
      call.query,
      () => [...templates.keys()],
      [1, 200],
    );
    return {
      launchTemplates: ids.flatMap((id) =>
        templates.has(id)
          ? [
              {
                launchTemplateId: id,
                launchTemplateName: templates.get(id)?.name,
                defaultVersionNumber: 1,
                latestVersionNumber: 1,
              },
            ]
          : [],
      ),
      nextToken,
    };
  },
};

export const describeLaunchTemplateVersions: Operation = {
  parameters: [
    'LaunchTemplateId',
    'LaunchTemplateName',
    'LaunchTemplateVersion',
    'Filter',
    'MaxResults',
    'NextToken',
    'ResolveAlias',
    'DryRun',
  ],
  mutates: false,
  run(call) {
    const { query } = call;
    const matches = filterOf(query);
    const id = query.get('LaunchTemplateId');
    const name = query.get('LaunchTemplateName');
    const templates = new Map(call.place.templates.map((template) => [template.id, template]));
    const list = (): string[] =>
      [...templates.values()]
        .filter(
          (template) => (id === undefined || template.id === id) && (name === undefined || template.name === name),
        )
        .filter((template) => matches((filter) => (filter === 'image-id' ? [template.imageId] : undefined)))
        .map((template) => template.id);
    const page = call.paging.page('DescribeLaunchTemplateVersions', query, list, [1, 200]);
    return {
      launchTemplateVersionSet: page.ids.flatMap((each): Xml[] => {
        const template = templates.get(each);
        return template
          ? [
              {
                launchTemplateId: each,
                launchTemplateName: template.name,
                versionNumber: 1,
                defaultVersion: true,
                launchTemplateData: { imageId: template.imageId },
              },
            ]
          : [];
      }),
      nextToken: page.nextToken,
    };
  },
};

/** Instances and launch templates of the own account and region that name an image. */
export const describeImageReferences: Operation = {
  parameters: ['ImageId', 'IncludeAllResourceTypes', 'ResourceType', 'MaxResults', 'NextToken', 'DryRun'],
  mutates: false,
  run(call) {
    const { query, place } = call;
    const ids = query.list('ImageId');
    if (ids.length === 0) throw new Refusal('MissingParameter', 'The request must contain the parameter ImageId');
    const types = query.structures('ResourceType').map((type) => type.required('ResourceType'));
    const all = query.flag('IncludeAllResourceTypes');
    if (!all && types.length === 0)
      throw new Refusal('MissingParameter', 'Either IncludeAllResourceTypes or ResourceTypes must be specified');
    for (const id of ids) ownImage(call, id);
    const wants = (type: string): boolean => all || types.includes(type);
    const arn = (kind: string, id: string): string => `arn:aws:ec2:${place.region}:${place.account}:${kind}/${id}`;
    const references = new Map<string, Xml>();
    for (const { id, imageId } of wants('ec2:Instance') ? place.instances : []) {
      if (ids.includes(imageId))
        references.set(id, { imageId, resourceType: 'ec2:Instance', arn: arn('instance', id) });
    }
    for (const { id, imageId } of wants('ec2:LaunchTemplate') ? place.templates : []) {
      if (ids.includes(imageId))
        references.set(id, { imageId, resourceType: 'ec2:LaunchTemplate', arn: arn('launch-template', id) });
    }
    const page = call.paging.page('DescribeImageReferences', query, () => [...references.keys()], [1, 1000]);
    return { imageReferenceSet: page.ids.flatMap((id) => references.get(id) ?? []), nextToken: page.nextToken };
  },
};

export const getEncryptionByDefault: Operation = {
  parameters: ['DryRun'],
  mutates: false,
  run: ({ place }: Call) => ({ ebsEncryptionByDefault: place.encryptByDefault }),
};

export const getDefaultKey: Operation = {
  parameters: ['DryRun'],
  mutates: false,
  run: ({ place }: Call) => ({
    kmsKeyId: place.defaultKey.endsWith('key/aws-ebs') ? 'alias/aws/ebs' : place.defaultKey,
  }),
};
