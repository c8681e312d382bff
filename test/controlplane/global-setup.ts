import type { TestProject } from 'vitest/node';
import { type Offer, openBroker } from './broker.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    controlPlane: Offer;
  }
}

/** vitest's globalSetup: offers one control plane to all suites of the run; it starts when the first one asks for it. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const broker = await openBroker();
  project.provide('controlPlane', broker.offer);
  return () => broker.close();
}
