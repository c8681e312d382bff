import { type AmiPolicySpecInput, amiPolicySpec } from '../../src/api/ami-policy.ts';
import { claimOf, type Owner, ownerTags } from '../../src/policy/identity.ts';
import { type Decision, makePlan } from '../../src/policy/make-plan.ts';
import {
  type Allowance,
  type AllowedImages,
  type Answer,
  type Binned,
  DAY_MS,
  type EncryptionDefaults,
  type Image,
  type Inventory,
  type Key,
  type LaunchGrants,
  NO_GRANTS,
  type OwnParameter,
  type Parameter,
  type Snapshot,
  type SnapshotLock,
  type Tags,
  type Target,
  type TargetKey,
  type TargetView,
  targetKey,
  type UsageReport,
} from '../../src/policy/model.ts';
import { DEFAULT_LIMITS, type PlanInput } from '../../src/policy/pass.ts';
import { isoTime, mayTravel, TAG } from '../../src/policy/tags.ts';

export const NOW = Date.UTC(2026, 5, 30, 12);
export const daysAgo = (days: number): number => NOW - days * DAY_MS;

export const HOME = '111122223333';
export const AWAY = '222233334444';
export const PARTNER = '444455556666';
export const SOURCE: Target = { account: HOME, region: 'us-east-1' };
export const EU: Target = { account: HOME, region: 'eu-west-1' };
export const AWAY_EU: Target = { account: AWAY, region: 'eu-west-1' };
export const AWAY_US: Target = { account: AWAY, region: 'us-east-1' };

export const OWNER: Owner = {
  cluster: 'cluster-1',
  namespace: 'platform',
  name: 'web',
  uid: 'uid-1',
  source: SOURCE,
};

/** An id that sorts as its number does. */
export const ami = (number: number): string => `ami-${number.toString(16).padStart(17, '0')}`;
const snap = (number: number): string => `snap-${number.toString(16).padStart(17, '0')}`;

type SpecInput = Omit<Partial<AmiPolicySpecInput>, 'source' | 'regions'> & {
  readonly source?: Partial<AmiPolicySpecInput['source']>;
  /** Names, or regions with a key. */
  readonly regions?: readonly (string | { readonly name: string; readonly kmsKeyId?: string })[];
};

/** A spec with its defaults: everything named `web-*`, the newest version, in the source's own region and eu-west-1. */
export function spec({ source, regions = ['us-east-1', 'eu-west-1'], ...rest }: SpecInput = {}): PlanInput['spec'] {
  return amiPolicySpec.parse({
    source: { ...SOURCE, images: { names: ['web-*'] }, ...source },
    regions: regions.map((region) => (typeof region === 'string' ? { name: region } : region)),
    ...rest,
  });
}

interface CopyOptions {
  readonly state?: Image['state'];
  /** The number in its id; the next free one otherwise. */
  readonly id?: number;
  readonly owner?: Owner;
  readonly tags?: Tags;
  readonly grants?: Partial<LaunchGrants>;
  readonly image?: Partial<Image>;
}

interface Place {
  readonly images: Map<string, Image>;
  readonly snapshots: Map<string, Snapshot>;
  readonly launch: Map<string, Answer<LaunchGrants>>;
  readonly volume: Map<string, Answer<readonly string[]>>;
  readonly references: Map<string, Answer<readonly string[]>>;
  readonly usage: Map<string, Answer<UsageReport>>;
  readonly keys: Map<string, Answer<Key>>;
  readonly parameters: Map<string, Answer<Parameter | undefined>>;
  readonly descriptions: Map<string, Answer<string | undefined>>;
  readonly madeFrom: Map<string, Answer<readonly Image[]>>;
  ownParameters: readonly OwnParameter[];
  readonly snapshotKeys: Map<string, Answer<string>>;
  readonly sharedImages: Map<string, Answer<ReadonlyMap<string, Image>>>;
  encryption: Answer<EncryptionDefaults>;
  publicBlocked?: Answer<boolean> | undefined;
  bin: Answer<ReadonlyMap<string, Binned>>;
  locks: Answer<ReadonlyMap<string, SnapshotLock>>;
  isWhole: Inventory['isWhole'];
  /** Undefined: nobody makes dry runs. */
  permissions: Inventory['permissions'];
  allowedImages: Answer<AllowedImages>;
  readOnly: boolean;
  allow: readonly Allowance[];
  unavailable?: { readonly code: string; readonly message: string; readonly stalls: boolean };
}

/** A small AWS in memory: what is in it is complete, and everything that can be asked has an answer. */
export class World {
  now = NOW;
  readonly places = new Map<TargetKey, Place>();
  /** Source images that are gone, by id: copies of them still say what they were. */
  readonly gone = new Map<string, Image>();
  /** Undefined: there is no cluster. */
  nodeClasses: PlanInput['nodeClasses'];
  #next = 0x1000;

  constructor(...targets: readonly Target[]) {
    for (const target of [SOURCE, EU, ...targets]) this.place(target);
  }

  place(target: Target): Place {
    let place = this.places.get(targetKey(target));
    if (!place) {
      place = {
        images: new Map(),
        snapshots: new Map(),
        launch: new Map(),
        volume: new Map(),
        references: new Map(),
        usage: new Map(),
        keys: new Map(),
        parameters: new Map(),
        descriptions: new Map(),
        madeFrom: new Map(),
        ownParameters: [],
        snapshotKeys: new Map(),
        sharedImages: new Map(),
        encryption: { ok: true, value: { byDefault: false, key: 'alias/aws/ebs' } },
        bin: { ok: true, value: new Map() },
        locks: { ok: true, value: new Map() },
        isWhole: undefined,
        permissions: undefined,
        allowedImages: { ok: true, value: { isOn: false } },
        readOnly: false,
        allow: [],
      };
      this.places.set(targetKey(target), place);
    }
    return place;
  }

  get number(): number {
    return this.#next++;
  }

  /** Adds a source image `web-<number>`, made so many days ago; a higher number is newer unless told otherwise. */
  source(number: number, { gone = false, grants, ...image }: Partial<Image> & SourceOptions = {}): string {
    const id = ami(number);
    const made: Image = {
      id,
      name: `web-${number}`,
      description: `release ${number}`,
      state: 'available',
      createdAt: daysAgo(100 - number),
      architecture: 'x86_64',
      tags: { app: 'web' },
      volumes: [{ snapshotId: snap(number), sizeGiB: 8, encrypted: false }],
      protection: 'disabled',
      ...image,
    };
    if (gone) this.gone.set(id, made);
    else this.#put(SOURCE, made, grants);
    return id;
  }

  /** Adds the copy of a source image that was added before, as this policy makes it. */
  copy(number: number, target: Target, options: CopyOptions = {}): string {
    const source = this.place(SOURCE).images.get(ami(number)) ?? this.gone.get(ami(number));
    if (!source) throw new Error(`there is no source image ${number}`);
    const id = ami(options.id ?? this.number);
    const tags = {
      ...Object.fromEntries(Object.entries(source.tags).filter(([key]) => mayTravel(key))),
      ...ownerTags(options.owner ?? OWNER),
      [TAG.sourceImage]: source.id,
      [TAG.sourceRegion]: SOURCE.region,
      [TAG.sourceAccount]: SOURCE.account,
      [TAG.sourceCreated]: isoTime(source.createdAt),
      [TAG.sourceName]: source.name,
      [TAG.family]: source.architecture,
      [TAG.origin]: source.id,
      ...options.tags,
    };
    const snapshotId = snap(this.number);
    const image: Image = {
      ...source,
      id,
      state: options.state ?? 'available',
      createdAt: daysAgo(60),
      tags,
      volumes: options.state === 'pending' ? [] : [{ snapshotId, sizeGiB: 8, encrypted: false }],
      madeFrom: source.id,
      ...options.image,
    };
    this.#put(target, image, options.grants);
    const state = image.state === 'pending' ? 'pending' : 'completed';
    this.place(target).snapshots.set(snapshotId, copiedSnapshot(snapshotId, image, state, daysAgo(60)));
    return id;
  }

  #put(target: Target, image: Image, grants: Partial<LaunchGrants> = {}): void {
    const place = this.place(target);
    place.images.set(image.id, image);
    place.launch.set(image.id, { ok: true, value: { ...NO_GRANTS, ...grants } });
    place.references.set(image.id, { ok: true, value: [] });
    place.usage.set(image.id, {
      ok: true,
      value: { kind: 'available', id: `amiur-${image.id.slice(4)}`, createdAt: this.now, usages: [] },
    });
    for (const { snapshotId } of image.volumes) if (snapshotId) place.volume.set(snapshotId, { ok: true, value: [] });
  }

  put(target: Target, image: Image): void {
    this.#put(target, image);
  }

  image(target: Target, id: string): Image | undefined {
    return this.place(target).images.get(id);
  }

  change(target: Target, id: string, change: Partial<Image>): void {
    const image = this.image(target, id);
    if (!image) throw new Error(`${id} is not in ${targetKey(target)}`);
    this.place(target).images.set(id, { ...image, ...change });
  }

  retag(target: Target, id: string, tags: Tags, without: readonly string[] = []): void {
    const place = this.place(target);
    const change = (before: Tags): Tags =>
      Object.fromEntries(Object.entries({ ...before, ...tags }).filter(([key]) => !without.includes(key)));
    const image = place.images.get(id);
    const snapshot = place.snapshots.get(id);
    if (image) place.images.set(id, { ...image, tags: change(image.tags) });
    if (snapshot) place.snapshots.set(id, { ...snapshot, tags: change(snapshot.tags) });
  }

  /** The source image is deleted by its builder. */
  lose(number: number): void {
    const image = this.image(SOURCE, ami(number));
    if (!image) throw new Error(`there is no source image ${number}`);
    this.gone.set(image.id, image);
    this.place(SOURCE).images.delete(image.id);
  }

  claim(number: number, owner: Owner = OWNER): void {
    this.retag(SOURCE, ami(number), { [TAG.claimedBy]: claimOf(owner) });
  }

  grant(target: Target, id: string, grants: Partial<LaunchGrants>): void {
    this.place(target).launch.set(id, { ok: true, value: { ...NO_GRANTS, ...grants } });
  }

  hide(target: Target, stalls = false): void {
    this.place(target).unavailable = { code: 'UnauthorizedOperation', message: 'AWS refused to list it', stalls };
  }

  /** Looks at the world as it would be without some images. */
  without(images: ReadonlySet<string>, look: () => void): void {
    const before = [...this.places.values()].map((place) => [place, new Map(place.images)] as const);
    for (const id of images) for (const place of this.places.values()) place.images.delete(id);
    try {
      look();
    } finally {
      for (const [place, all] of before) for (const [id, image] of all) place.images.set(id, image);
    }
  }

  views(): Map<TargetKey, TargetView> {
    return new Map([...this.places].map(([key, place]) => [key, viewOf(place)]));
  }

  input(policy: PlanInput['spec'], more: Partial<PlanInput> = {}): PlanInput {
    return {
      now: this.now,
      spec: policy,
      owner: OWNER,
      createdAt: daysAgo(90),
      deleting: false,
      withdrawalConfirmed: false,
      targets: this.views(),
      rivals: [],
      lost: new Map(),
      deletedToday: new Set(),
      limits: DEFAULT_LIMITS,
      ...(this.nodeClasses && { nodeClasses: this.nodeClasses }),
      ...more,
    };
  }

  plan(policy: PlanInput['spec'], more: Partial<PlanInput> = {}): Decision['plan'] {
    return makePlan(this.input(policy, more)).plan;
  }
}

interface SourceOptions {
  /** The image is not there any more; copies of it may be. */
  readonly gone?: boolean;
  readonly grants?: Partial<LaunchGrants>;
}

function viewOf(place: Place): TargetView {
  if (place.unavailable) return { kind: 'unavailable', ...place.unavailable };
  const inventory: Inventory = {
    images: new Map(place.images),
    snapshots: new Map(place.snapshots),
    launchGrants: new Map(place.launch),
    volumeGrants: new Map(place.volume),
    references: new Map(place.references),
    usageReports: new Map(place.usage),
    keys: new Map(place.keys),
    parameters: new Map(place.parameters),
    madeFrom: new Map(place.madeFrom),
    descriptions: new Map(place.descriptions),
    pointed: new Map(),
    ownParameters: { ok: true, value: place.ownParameters },
    snapshotKeys: new Map(place.snapshotKeys),
    sharedImages: new Map(place.sharedImages),
    encryption: place.encryption,
    ...(place.publicBlocked && { publicBlocked: place.publicBlocked }),
    bin: place.bin,
    locks: place.locks,
    allowedImages: place.allowedImages,
    ...(place.isWhole && { isWhole: true }),
    ...(place.permissions && { permissions: place.permissions }),
  };
  return { kind: 'observed', inventory, readOnly: place.readOnly, allow: place.allow };
}

/** A snapshot as CopyImage makes it, with the words that EC2 puts into its description. */
export function copiedSnapshot(id: string, image: Image, state: string, startedAt: number): Snapshot {
  return {
    id,
    state,
    progress: state === 'completed' ? 100 : 40,
    description: `Copied for DestinationAmi ${image.id} from SourceAmi ${image.madeFrom} for SourceSnapshot snap-0. Task created on 1,566,308,778,174.`,
    tags: image.tags,
    sizeGiB: 8,
    encrypted: image.volumes[0]?.encrypted ?? false,
    startedAt,
  };
}

/** The ids of the actions of a plan, in its order. */
export const ids = (plan: Decision['plan']): string[] => plan.actions.map(({ id }) => id);
/** The kinds of the actions of a plan, in its order. */
export const kinds = (plan: Decision['plan']): string[] => plan.actions.map(({ kind }) => kind);
/** The codes of what is not done, sorted. */
export const codes = (plan: Decision['plan']): string[] => plan.blocked.map(({ code }) => code).toSorted();
