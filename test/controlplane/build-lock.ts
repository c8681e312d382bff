import { mkdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

const BEAT_MS = 2000;
/** A holder that has not touched its lock for so long is gone. A process id would not do: caches are shared by containers. */
const STALE_MS = 20_000;

/** A folder that only one process can make, kept fresh while it is held, and taken over from a holder that died. */
export class BuildLock {
  readonly #path: string;
  readonly #beat: NodeJS.Timeout;

  private constructor(path: string) {
    this.#path = path;
    this.#beat = setInterval(() => {
      const now = new Date();
      try {
        utimesSync(path, now, now);
      } catch {
        // Removed from outside: the build goes on, its last step is an atomic rename either way.
      }
    }, BEAT_MS);
  }

  /** Waits until the lock is free or its holder is gone. `waiting` is called once, when there is something to wait for. */
  static async take(path: string, waiting: () => void, staleMs = STALE_MS): Promise<BuildLock> {
    for (let told = false; ; ) {
      if (made(path)) return new BuildLock(path);
      if (isStale(path, staleMs)) {
        // Of several that see the dead lock one wins the rename; the others go on waiting for it.
        const grave = `${path}.dead-${process.pid}`;
        try {
          renameSync(path, grave);
          rmSync(grave, { recursive: true, force: true });
        } catch {
          // Another one was faster.
        }
        continue;
      }
      if (!told) waiting();
      told = true;
      await wait(200);
    }
  }

  release(): void {
    clearInterval(this.#beat);
    rmSync(this.#path, { recursive: true, force: true });
  }
}

function made(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function isStale(path: string, staleMs: number): boolean {
  try {
    return Date.now() - statSync(path).mtimeMs > staleMs;
  } catch {
    return false;
  }
}
