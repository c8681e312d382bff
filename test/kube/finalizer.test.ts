import { beforeEach, describe, expect, it } from 'vitest';
import { ensureFinalizer, removeFinalizer } from '../../src/kube/finalizer.ts';
import { ResourceClient } from '../../src/kube/resource-client.ts';
import { THING, type Thing } from './fake-api.ts';
import { ObjectApi } from './object-api.ts';

const PATH = '/apis/test.io/v1/namespaces/ns/things/a';
const OURS = 'test.io/ours';

let api: ObjectApi;
let client: ResourceClient<Thing>;

beforeEach(() => {
  api = new ObjectApi();
  client = new ResourceClient<Thing>(api, THING);
});

const there = (finalizers?: readonly string[]): Thing =>
  api.put(PATH, { value: 1, metadata: finalizers ? { finalizers } : {} }) as unknown as Thing;
const finalizers = (): readonly string[] | undefined => api.get(PATH)?.metadata.finalizers;

describe('ensuring', () => {
  it.each<[string, readonly string[] | undefined, readonly string[]]>([
    ['an object without any gets it', undefined, [OURS]],
    ['those of others stay, in their order', ['b.io/x', 'a.io/y'], ['b.io/x', 'a.io/y', OURS]],
    ['one that has it keeps it once', ['b.io/x', OURS], ['b.io/x', OURS]],
  ])('%s', async (_, before, after) => {
    const object = await ensureFinalizer(client, there(before), OURS);
    expect(finalizers()).toEqual(after);
    expect(object?.metadata.finalizers).toEqual(after);
  });

  it('writes nothing when it is there', async () => {
    const before = there([OURS]);
    await ensureFinalizer(client, before, OURS);
    expect(api.requests).toEqual([]);
  });

  it('an object that changed since it was read is read again, and what others added stays', async () => {
    const stale = there(['b.io/x']);
    api.put(PATH, { value: 2, metadata: { finalizers: ['b.io/x', 'c.io/z'] } });
    const object = await ensureFinalizer(client, stale, OURS);
    expect(finalizers()).toEqual(['b.io/x', 'c.io/z', OURS]);
    expect(object).toMatchObject({ value: 2 });
  });

  it('also when somebody writes between every read and the write', async () => {
    const stale = there();
    let writes = 0;
    const happens = (): unknown => api.put(PATH, { value: ++writes + 10 });
    const others = { kind: 'first' as const, happens };
    const calm = { kind: 'first' as const, happens: () => undefined };
    api.interferences.push(others, calm, others, calm, others);
    await ensureFinalizer(client, stale, OURS);
    expect(finalizers()).toEqual([OURS]);
    expect(api.get(PATH)).toMatchObject({ value: 13 });
  });

  it('but not for ever', async () => {
    const stale = there();
    const conflict = { kind: 'status' as const, status: 409, reason: 'Conflict' };
    const calm = { kind: 'first' as const, happens: () => undefined };
    for (let i = 0; i < 20; i++) api.interferences.push(conflict, calm);
    await expect(ensureFinalizer(client, stale, OURS)).rejects.toMatchObject({ reason: 'Conflict' });
    expect(api.requests.length).toBeLessThan(12);
    expect(finalizers()).toBeUndefined();
  });

  it('an object that is going gets none', async () => {
    there(['b.io/x']);
    const going = api.put(PATH, { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }) as unknown as Thing;
    expect(await ensureFinalizer(client, going, OURS)).toBeUndefined();
    expect(finalizers()).toEqual(['b.io/x']);
  });

  it('nor one that went between our read and our write', async () => {
    const stale = there();
    api.remove(PATH);
    expect(await ensureFinalizer(client, stale, OURS)).toBeUndefined();
  });

  it('nor one that was deleted and made anew under the same name', async () => {
    const stale = there();
    api.remove(PATH);
    there(['new.io/x']);
    expect(await ensureFinalizer(client, stale, OURS)).toBeUndefined();
    expect(finalizers()).toEqual(['new.io/x']);
  });
});

describe('removing', () => {
  it('takes ours and leaves those of others', async () => {
    await removeFinalizer(client, there(['b.io/x', OURS, 'c.io/z']), OURS);
    expect(finalizers()).toEqual(['b.io/x', 'c.io/z']);
  });

  it('lets a deletion go on that waited for nothing else', async () => {
    there([OURS]);
    const going = api.put(PATH, { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }) as unknown as Thing;
    await removeFinalizer(client, going, OURS);
    expect(api.get(PATH)).toBeUndefined();
  });

  it('keeps a finalizer that another one added meanwhile', async () => {
    const stale = there([OURS]);
    api.put(PATH, { metadata: { finalizers: [OURS, 'late.io/x'] } });
    await removeFinalizer(client, stale, OURS);
    expect(finalizers()).toEqual(['late.io/x']);
  });

  it.each<[string, () => Thing]>([
    ['it is off already', () => there(['b.io/x'])],
    [
      'the object is gone',
      () => {
        const object = there([OURS]);
        api.remove(PATH);
        return object;
      },
    ],
    [
      'the name belongs to another object',
      () => {
        const object = there([OURS]);
        api.remove(PATH);
        there([OURS]);
        return object;
      },
    ],
  ])('has nothing to do when %s', async (_, prepare) => {
    const object = prepare();
    const before = api.get(PATH);
    await removeFinalizer(client, object, OURS);
    expect(api.get(PATH)).toEqual(before);
  });

  it('tells of a failure that is not a conflict', async () => {
    const object = there([OURS]);
    api.interferences.push({ kind: 'status', status: 403, reason: 'Forbidden' });
    await expect(removeFinalizer(client, object, OURS)).rejects.toThrow(
      'patch things.test.io ns/a: the test says Forbidden (403 Forbidden)',
    );
    expect(finalizers()).toEqual([OURS]);
  });
});
