import { isDeepStrictEqual } from 'node:util';
import { type Image, type LaunchGrants, NO_GRANTS, type Target, targetKey } from '../../src/policy/model.ts';
import type { Action, Call, Plan } from '../../src/policy/plan.ts';
import { TAG } from '../../src/policy/tags.ts';
import { ami, copiedSnapshot, type World } from './world.ts';

type CallOf<K extends Call['do']> = Extract<Call, { do: K }>;

/**
 * Carries out a plan in a small world, as EC2 would: copies are pending at first, a token that was used makes nothing
 * new, and what EC2 refuses is an error of the plan.
 */
export class Acting {
  readonly #world: World;
  readonly #tokens = new Map<string, string>();

  constructor(world: World) {
    this.#world = world;
  }

  carryOut(plan: Plan): void {
    for (const action of plan.actions) this.#perform(action);
  }

  /** Every copy that is under way becomes available. */
  finishCopies(): void {
    for (const { images, snapshots } of this.#world.places.values()) {
      for (const image of images.values())
        if (image.state === 'pending') images.set(image.id, { ...image, state: 'available' });
      for (const each of snapshots.values()) {
        if (each.state === 'pending') snapshots.set(each.id, { ...each, state: 'completed', progress: 100 });
      }
    }
  }

  #perform({ target, call }: Action): void {
    const { images, snapshots, launch, usage } = this.#world.place(target);
    switch (call.do) {
      case 'copy':
        return this.#copy(target, call);
      case 'tag':
        for (const id of call.resources) this.#world.retag(target, id, call.tags);
        return undefined;
      case 'adopt': {
        const found = this.#world.place(target).madeFrom.get(call.sourceImage);
        const image = found?.ok ? found.value.find(({ id }) => id === call.imageId) : undefined;
        if (!image) throw new Error(`InvalidAMIID.NotFound: ${call.imageId}`);
        this.#world.put(target, { ...image, tags: { ...image.tags, ...call.tags } });
        return undefined;
      }
      case 'untag':
        for (const id of call.resources) this.#world.retag(target, id, {}, call.keys);
        return undefined;
      case 'claim':
        this.#world.retag(target, call.imageId, { [TAG.claimedBy]: call.value });
        return undefined;
      case 'modifyLaunch':
        return this.#modifyLaunch(target, call);
      case 'putParameter': {
        const place = this.#world.place(target);
        const before = place.parameters.get(call.name);
        const version = before?.ok ? (before.value?.version ?? 0) : 0;
        if (version !== (call.instead ?? 0)) throw new Error(`ParameterChanged: ${call.name}`);
        place.parameters.set(call.name, { ok: true, value: { value: call.value, version: version + 1 } });
        const others = place.ownParameters.filter(({ name }) => name !== call.name);
        if (call.adopts !== undefined) place.descriptions.delete(call.name);
        place.ownParameters = [...others, { name: call.name, description: call.description }];
        return undefined;
      }
      case 'deleteParameter': {
        const place = this.#world.place(target);
        place.parameters.set(call.name, { ok: true, value: undefined });
        place.ownParameters = place.ownParameters.filter(({ name }) => name !== call.name);
        return undefined;
      }
      case 'makePublic':
        return this.#modifyLaunch(target, {
          do: 'modifyLaunch',
          imageId: call.imageId,
          add: { ...NO_GRANTS, public: true },
          remove: NO_GRANTS,
        });
      case 'modifyVolume':
        return this.#modifyVolume(target, call);
      case 'requestUsage':
        usage.set(call.imageId, {
          ok: true,
          value: { kind: 'available', id: `amiur-${call.token.slice(0, 17)}`, createdAt: this.#world.now, usages: [] },
        });
        return undefined;
      case 'deprecate':
        return this.#change(target, call.imageId, { deprecatesAt: call.at });
      case 'disable':
        launch.delete(call.imageId);
        return this.#change(target, call.imageId, { state: 'disabled' });
      case 'restore': {
        if (call.what === 'enable') return this.#change(target, call.imageId, { state: 'available' });
        const { deprecatesAt: _, ...image } = this.#world.image(target, call.imageId)!;
        this.#world.put(target, image);
        return undefined;
      }
      case 'protect':
        return this.#change(target, call.imageId, { protection: call.on ? 'enabled-without-cooldown' : 'disabled' });
      case 'deregister':
        for (const [source, found] of this.#world.place(target).madeFrom)
          if (found.ok)
            this.#world.place(target).madeFrom.set(source, {
              ok: true,
              value: found.value.filter(({ id }) => id !== call.imageId),
            });
        if (!images.delete(call.imageId)) throw new Error(`InvalidAMIID.NotFound: ${call.imageId}`);
        for (const id of call.withSnapshots ?? []) snapshots.delete(id);
        return undefined;
      case 'deleteSnapshot':
        if (!snapshots.delete(call.snapshotId)) throw new Error(`InvalidSnapshot.NotFound: ${call.snapshotId}`);
        return undefined;
    }
  }

  #copy(target: Target, call: CallOf<'copy'>): void {
    const token = `${targetKey(target)} ${call.token}`;
    if (this.#tokens.has(token)) return;
    const from = { account: call.origin.account, region: call.origin.region };
    const origin = this.#world.image(from, call.origin.imageId);
    if (origin?.state !== 'available') throw new Error(`InvalidAMIID.Unavailable: ${call.origin.imageId}`);
    if (from.account !== target.account) this.#mayRead(from, origin, target.account);
    const id = ami(this.#world.number);
    this.#tokens.set(token, id);
    const snapshotId = `snap-${id.slice(4)}`;
    const image: Image = {
      ...origin,
      id,
      name: call.name,
      description: call.description,
      state: 'pending',
      createdAt: this.#world.now,
      tags: { ...call.tags, ...call.imageTags },
      volumes: [{ snapshotId, sizeGiB: 8, encrypted: call.kmsKeyId !== undefined }],
      madeFrom: origin.id,
      protection: 'disabled',
    };
    this.#world.put(target, image);
    const snapshot = copiedSnapshot(snapshotId, image, 'pending', this.#world.now);
    const encrypted = { ...snapshot, ...(call.kmsKeyId !== undefined && { kmsKeyId: call.kmsKeyId }) };
    this.#world.place(target).snapshots.set(snapshotId, encrypted);
  }

  #change(target: Target, id: string, change: Partial<Image>): void {
    const image = this.#world.image(target, id);
    if (!image) throw new Error(`InvalidAMIID.NotFound: ${id}`);
    this.#world.put(target, { ...image, ...change });
  }

  #mayRead(from: Target, { id, volumes }: Image, account: string): void {
    const { launch, volume } = this.#world.place(from);
    const grants = launch.get(id);
    const open = volumes.every(({ snapshotId }) => {
      const answer = volume.get(snapshotId!);
      return answer?.ok && answer.value.includes(account);
    });
    if (!grants?.ok || !grants.value.accounts.includes(account) || !open)
      throw new Error(`InvalidRequest: ${account} does not have permission to access the storage of ${id}`);
  }

  #modifyLaunch(target: Target, { imageId, add, remove }: CallOf<'modifyLaunch'>): void {
    const { images, launch } = this.#world.place(target);
    const image = images.get(imageId);
    if (image?.state !== 'available') throw new Error(`InvalidAMIID.Unavailable: ${imageId}`);
    if (!isDeepStrictEqual(add, NO_GRANTS))
      for (const { snapshotId } of image.volumes) this.#mayBeShared(target, snapshotId);
    const answer = launch.get(imageId);
    launch.set(imageId, { ok: true, value: changed(answer?.ok ? answer.value : NO_GRANTS, add, remove) });
  }

  #mayBeShared(target: Target, snapshotId: string | undefined): void {
    const key = this.#world.place(target).snapshots.get(snapshotId ?? '')?.kmsKeyId;
    const answer = this.#world.place(target).keys.get(key ?? '');
    if (answer?.ok && answer.value.kind === 'usable' && answer.value.managedByAws)
      throw new Error(`OperationNotPermitted: ${snapshotId} is encrypted with the default key`);
  }

  #modifyVolume(target: Target, { snapshotId, add, remove }: CallOf<'modifyVolume'>): void {
    const { volume } = this.#world.place(target);
    if (add.length > 0) this.#mayBeShared(target, snapshotId);
    const answer = volume.get(snapshotId);
    volume.set(snapshotId, { ok: true, value: list(answer?.ok ? answer.value : [], add, remove) });
  }
}

const list = (before: readonly string[], add: readonly string[], remove: readonly string[]): string[] =>
  [...new Set([...before, ...add])].filter((entry) => !remove.includes(entry)).toSorted();

function changed(before: LaunchGrants, add: LaunchGrants, remove: LaunchGrants): LaunchGrants {
  return {
    accounts: list(before.accounts, add.accounts, remove.accounts),
    organizations: list(before.organizations, add.organizations, remove.organizations),
    organizationalUnits: list(before.organizationalUnits, add.organizationalUnits, remove.organizationalUnits),
    public: (before.public || add.public) && !remove.public,
  };
}
