import { afterAll, expect, it } from 'vitest';
import type { ConformanceCase } from './case.ts';
import { isRecording, readRecorded, writeRecorded } from './recorded.ts';
import type { ConformanceServer } from './server.ts';
import { Session } from './session.ts';

/** Every case of a suite against one server: its answers must be those that the real server gave. */
export function itConforms(suite: string, cases: readonly ConformanceCase[], server: () => ConformanceServer): void {
  const recorded = readRecorded(suite);
  it.each(cases)('$name', async ({ name, run }) => {
    const session = new Session(server());
    await session.open();
    await run(session);
    expect(recorded[name], `RECORD_CONFORMANCE=1 and the real server are needed to record "${name}"`).toBeDefined();
    expect(session.transcript).toEqual(recorded[name]);
  });
}

/** The same against the real server, which is recorded where that is asked for. */
export function itIsTheReference(
  suite: string,
  cases: readonly ConformanceCase[],
  server: () => ConformanceServer,
): void {
  if (!isRecording) {
    itConforms(suite, cases, server);
    return;
  }
  const recorded: Record<string, readonly unknown[]> = {};
  it.each(cases)('records: $name', async ({ name, run }) => {
    const session = new Session(server());
    await session.open();
    await run(session);
    recorded[name] = session.transcript;
    expect(session.transcript.length).toBeGreaterThan(0);
  });
  afterAll(() => writeRecorded(suite, recorded));
}
