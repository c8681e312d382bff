import {
  GetParameterHistoryCommand,
  ListTagsForResourceCommand,
  PutParameterCommand,
  SSMClient,
} from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { describeWithPython } from '../python/suite.ts';
import { ACCOUNTS, amifleet, policy, type Run } from './amifleet.ts';
import { HOME, KEYS, type Moto, REQUIREMENTS, release, startMoto, tagsOf } from './moto-server.ts';

// Each run is a process of its own.
vi.setConfig({ testTimeout: 120_000 });

const NAME = '/ami/web/x86_64';
const SPEC = {
  source: { account: HOME, region: 'us-east-1', images: { tags: { release: 'stable' } }, groupBy: ['app'], newest: 2 },
  regions: [{ name: 'eu-west-1' }],
};
const PUBLISH = { ssmParameter: '/ami/{app}/{architecture}' };

/** SSM and KMS of moto, which others wrote as well. */
await describeWithPython('SSM and KMS of moto', REQUIREMENTS, (python) => {
  let moto: Moto;
  let ssm: SSMClient;
  beforeAll(async () => {
    moto = await startMoto(python);
    ssm = new SSMClient({ endpoint: moto.endpoint, region: 'eu-west-1', credentials: KEYS });
  });
  afterAll(async () => {
    ssm.destroy();
    await moto.stop();
  });
  beforeEach(() => moto.reset([release(1), release(2)]));

  const apply = (spec: object): Promise<Run> =>
    amifleet(moto.endpoint, ['apply', '--wait', '--yes'], [...ACCOUNTS, policy('golden', { ...SPEC, ...spec })]);
  const idOf = async (name: string): Promise<string | undefined> =>
    (await moto.images('eu-west-1')).find(({ Name }) => Name === name)?.ImageId;
  const history = async () =>
    ((await ssm.send(new GetParameterHistoryCommand({ Name: NAME }))).Parameters ?? []).map(({ Value }) => Value);
  const tags = async () =>
    tagsOf((await ssm.send(new ListTagsForResourceCommand({ ResourceType: 'Parameter', ResourceId: NAME }))).TagList);

  describe('publishing', () => {
    it('points a parameter at the newest copy, moves it with a release and back by a pin, and writes nothing twice', async () => {
      expect(await apply({ publish: PUBLISH })).toMatchObject({ code: 0, stderr: '' });
      const [first, second] = [await idOf('web-1'), await idOf('web-2')];
      expect(await history()).toEqual([second]);
      expect(await tags()).toMatchObject({ 'amifleet.io/policy': 'platform/golden', 'amifleet.io/cluster': 'file' });
      await apply({ publish: PUBLISH });
      expect(await history()).toEqual([second]);
      await apply({ publish: { ...PUBLISH, pin: ['web-1'] } });
      expect(await history()).toEqual([second, first]);
    });

    it('leaves a parameter of somebody else alone, and takes it over with adoption', async () => {
      await ssm.send(new PutParameterCommand({ Name: NAME, Value: 'theirs', Type: 'String', Description: 'by hand' }));
      const refused = await apply({ publish: PUBLISH });
      expect(refused).toMatchObject({ code: 1, stdout: expect.stringContaining('ParameterForeign') as string });
      expect(await history()).toEqual(['theirs']);
      // moto has no filter by what an image was made of, so that adoption waits where a copy is missing: none is.
      expect((await apply({ publish: PUBLISH, adoption: 'Matching' })).code).toBe(0);
      expect(await history()).toEqual(['theirs', await idOf('web-2')]);
      expect(await tags()).toMatchObject({ 'amifleet.io/policy': 'platform/golden' });
    });
  });

  it('a key that is not there is said before anything is copied under it', async () => {
    const run = await apply({ regions: [{ name: 'eu-west-1', kmsKeyId: 'alias/none' }] });
    expect(run).toMatchObject({ code: 1, stdout: expect.stringContaining('KeyNotFound') as string });
    expect(await moto.images('eu-west-1')).toEqual([]);
  });
});
