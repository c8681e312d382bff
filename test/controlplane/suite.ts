import { afterAll, beforeAll, describe, inject } from 'vitest';
import { availability } from './binaries.ts';
import { askBroker } from './broker.ts';
import { type ControlPlane, type ControlPlaneAccess, startControlPlane } from './control-plane.ts';

/** Long enough for a first build of the binaries. */
const START_TIMEOUT_MS = 900_000;

/**
 * A suite that needs the real API server. Where there can be none it is skipped, and its name says why; with
 * REQUIRE_CONTROLPLANE=1 it fails instead. It shares the control plane of the run (`global-setup.ts`), or starts one of
 * its own where the run offers none: every suite works in a namespace of its own.
 */
export function describeOnControlPlane(name: string, suite: (plane: () => ControlPlaneAccess) => void): void {
  const offer = inject('controlPlane');
  const because = process.env['REQUIRE_CONTROLPLANE'] === '1' ? undefined : whyNot();
  const note = because === undefined ? '' : ` (unavailable, because ${because})`;
  describe.runIf(because === undefined)(`${name}${note}`, () => {
    let access: ControlPlaneAccess | undefined;
    let own: ControlPlane | undefined;
    beforeAll(async () => {
      access = offer?.available ? await askBroker(offer.broker) : (own = await startControlPlane());
    }, START_TIMEOUT_MS);
    afterAll(() => own?.stop());
    suite(() => access ?? absent('it has not started yet: ask for it in a hook or a test'));
  });
}

/** Why there can be no control plane here, or undefined when there can be one. */
function whyNot(): string | undefined {
  const offer = inject('controlPlane');
  if (offer) return offer.available ? undefined : offer.because;
  const found = availability();
  return found.kind === 'unavailable' ? found.because : undefined;
}

function absent(because: string): never {
  throw new Error(`No control plane: ${because}`);
}
