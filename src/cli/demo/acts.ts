import type { PolicyStatus } from '../../api/policy-status.ts';
import { TAG } from '../../policy/tags.ts';
import type { WorldView } from '../../simulator/ec2/world-view.ts';
import { BUILDERS, CONSUMER, PRODUCTION, SOURCE_REGION } from './fleet.ts';
import type { People } from './people.ts';

/** What an act can look at and do. */
export interface Setting {
  readonly people: People;
  readonly world: () => WorldView;
  readonly status: () => Promise<PolicyStatus | undefined>;
  readonly applyPolicy: () => Promise<void>;
  /** Puts the clock of the simulated AWS and of the controller forward. */
  readonly passHours: (hours: number) => void;
  readonly say: (line: string) => void;
}

/** One act of the demo: something is done, and then something must come true. */
export interface Act {
  readonly title: string;
  begin(setting: Setting): Promise<void>;
  /** Whether it has come true; what is still missing is said if it never does. */
  done(setting: Setting): Promise<true | string>;
}

const WANTED = 3;

type Image = WorldView['images'][number];

const isReady = ({ state }: Image): boolean => state === 'available';
const nameOf = (image: Image): string => image.tags[TAG.sourceName] ?? image.name;
const isNewRelease = (image: Image): boolean => nameOf(image).endsWith('-5');
const isCopy = (image: Image): boolean => image.tags[TAG.sourceImage] !== undefined;
const inProduction = (image: Image): boolean => image.account === PRODUCTION;
const copiesOf = (world: WorldView): readonly Image[] =>
  world.images.filter((image) => isCopy(image) && image.state !== 'deregistered' && !image.inRecycleBin);

async function isConverged(setting: Setting): Promise<true | string> {
  const status = await setting.status();
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status === 'True') return true;
  return ready ? `Ready is ${ready.status}: ${ready.reason}: ${ready.message}` : 'the policy has no status yet';
}

const copyAndShare: Act = {
  title: 'kubectl apply: 2 accounts, 4 regions, the newest 3 of 2 families, shared with 2 accounts and an OU',
  begin: (setting) => setting.applyPolicy(),
  done: isConverged,
};

const release: Act = {
  title: 'The builders release web-base-5 and db-base-5',
  async begin({ people, world, say }) {
    const sources = world().images.filter((image) => !isCopy(image));
    for (const app of ['web-base', 'db-base']) {
      const base = sources.find(({ name }) => name === `${app}-4`);
      if (!base) throw new Error(`there is no ${app}-4 to build from`);
      await people.release(BUILDERS, SOURCE_REGION, base.id, `${app}-5`, [
        { Key: 'app', Value: app },
        { Key: 'release', Value: 'stable' },
      ]);
      say(`builder    ${app}-5 is being made in ${BUILDERS}/${SOURCE_REGION}`);
    }
  },
  async done(setting) {
    const copies = copiesOf(setting.world()).filter(isReady);
    const targets = new Set(copies.map(({ account, region }) => `${account}/${region}`));
    const missing = [...targets].filter(
      (target) =>
        copies.filter((image) => isNewRelease(image) && `${image.account}/${image.region}` === target).length < 2,
    );
    if (missing.length > 0) return `the new release is not in ${missing.join(', ')}`;
    const old = copies.filter((image) => nameOf(image).endsWith('-2'));
    const unmarked = old.filter(({ tags }) => tags[TAG.surplusSince] === undefined);
    if (unmarked.length > 0) return `${unmarked.length} copies of the oldest release are not marked as surplus`;
    return await isConverged(setting);
  },
};

const retire: Act = {
  title: 'A day and an hour later: what is surplus goes, where it is proven unused',
  begin({ passHours, say }) {
    passHours(25);
    say('clock      25 hours pass');
    return Promise.resolve();
  },
  async done(setting) {
    const world = setting.world();
    const left = copiesOf(world).filter(inProduction);
    const surplus = left.filter(({ tags }) => tags[TAG.surplusSince] !== undefined);
    if (surplus.length > 0) return `${surplus.length} surplus copies are left in ${PRODUCTION}`;
    const families = Map.groupBy(left, ({ region, tags }) => `${region} ${tags['app']}`);
    const wrong = [...families].filter(([, images]) => images.filter(isReady).length !== WANTED);
    if (wrong.length > 0) return `${wrong.map(([family]) => family).join(', ')} does not hold the newest ${WANTED}`;
    const backed = new Set(world.images.flatMap(({ volumes }) => volumes.map(({ snapshotId }) => snapshotId)));
    const orphans = world.snapshots.filter(({ account, id }) => account === PRODUCTION && !backed.has(id));
    if (orphans.length > 0) return `${orphans.length} snapshots are left without an image`;
    return await isConverged(setting);
  },
};

/** What is broken by hand is remembered from `begin` to `done`. */
function repair(): Act {
  let revoked: Image | undefined;
  let gone: Image | undefined;
  return {
    title: 'Somebody breaks things by hand: a permission is revoked, a copy deregistered',
    async begin({ people, world, say }) {
      const copies = copiesOf(world()).filter((image) => isReady(image) && isNewRelease(image));
      revoked = copies.find(({ account, region }) => account === BUILDERS && region === 'eu-west-1');
      gone = copies.find((image) => inProduction(image) && image.region === 'us-west-2');
      if (!revoked || !gone) throw new Error('there are no copies to break');
      await people.revoke(revoked.account, revoked.region, revoked.id, CONSUMER);
      say(`somebody   takes the permission to launch ${nameOf(revoked)} in eu-west-1 from ${CONSUMER}`);
      await people.deregister(gone.account, gone.region, gone.id);
      say(`somebody   deregisters ${nameOf(gone)} in ${PRODUCTION}/us-west-2`);
    },
    async done(setting) {
      const copies = copiesOf(setting.world());
      const shared = copies.find(({ id }) => id === revoked?.id);
      if (!shared?.permissions.accounts.includes(CONSUMER)) return `the permission of ${CONSUMER} is not back`;
      const again = copies.find(
        (image) =>
          isReady(image) &&
          image.tags[TAG.sourceImage] === gone?.tags[TAG.sourceImage] &&
          image.account === gone?.account &&
          image.region === gone?.region,
      );
      if (!again) return 'the deregistered copy is not back';
      return await isConverged(setting);
    },
  };
}

export const ACTS = (): readonly Act[] => [copyAndShare, release, retire, repair()];
