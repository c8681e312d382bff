import { describe, expect, it } from 'vitest';
import { type WatchEvent, watchEvents } from '../../src/kube/watch-events.ts';
import type { Thing } from './fake-api.ts';

async function* linesOf(...lines: (string | object)[]): AsyncGenerator<string, void> {
  for (const line of lines) yield typeof line === 'string' ? line : JSON.stringify(line);
}

async function read(...lines: (string | object)[]): Promise<{ events: WatchEvent<Thing>[]; error?: unknown }> {
  const events: WatchEvent<Thing>[] = [];
  try {
    for await (const event of watchEvents<Thing>('watch things', linesOf(...lines))) events.push(event);
    return { events };
  } catch (error) {
    return { events, error };
  }
}

const ADDED = { type: 'ADDED', object: { metadata: { name: 'a' }, value: 1 } };

describe('the lines of a watch', () => {
  it('are changes and bookmarks; empty lines are nothing', async () => {
    const changes = ['ADDED', 'MODIFIED', 'DELETED'].map((type) => ({ ...ADDED, type }));
    const bookmark = { type: 'BOOKMARK', object: { metadata: { resourceVersion: '7' } } };
    expect(await read(...changes, '', '  ', bookmark)).toEqual({
      events: [...changes, { type: 'BOOKMARK', resourceVersion: '7' }],
    });
  });

  it.each<[string, string | object, string]>([
    ['is not JSON', '{"type":"ADDED"', 'watch things: the server sent a line that is not JSON'],
    ['is null', 'null', 'watch things: the server sent an event without an object'],
    ['has no object', { type: 'ADDED' }, 'watch things: the server sent an event without an object'],
    ['has no metadata', { type: 'ADDED', object: {} }, 'watch things: the server sent an event without an object'],
    [
      'has metadata that are null',
      { type: 'ADDED', object: { metadata: null } },
      'watch things: the server sent an event without an object',
    ],
    [
      'has no name',
      { type: 'MODIFIED', object: { metadata: {} } },
      'watch things: the server sent an object without a name',
    ],
    [
      'is a bookmark of nothing',
      { type: 'BOOKMARK', object: { metadata: {} } },
      'watch things: the server sent a bookmark without a resourceVersion',
    ],
    [
      'is of a new type',
      { ...ADDED, type: 'RENAMED' },
      'watch things: the server sent an event of a type that does not exist',
    ],
  ])('a line that %s is an error after what came before, never swallowed', async (_, line, message) => {
    expect(await read(ADDED, line, ADDED)).toMatchObject({ events: [ADDED], error: { message, reason: 'BadAnswer' } });
  });

  it.each<[string, unknown, object]>([
    [
      '410',
      { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' },
      { message: 'watch things: too old (410 Expired)', status: 410, reason: 'Expired' },
    ],
    [
      '500',
      { kind: 'Status', code: 500, message: 'etcd is away' },
      { message: 'watch things: etcd is away (500 InternalError)', status: 500, reason: 'InternalError' },
    ],
    ['no Status', { oops: true }, { status: 500, reason: 'InternalError' }],
    ['nothing at all', undefined, { status: 500, reason: 'InternalError' }],
  ])('an ERROR event with %s ends the watch with that error', async (_, object, error) => {
    expect(await read(ADDED, { type: 'ERROR', object })).toMatchObject({ events: [ADDED], error });
  });
});
