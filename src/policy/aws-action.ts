import type { Call } from './plan.ts';

const ACTIONS: Readonly<Record<Exclude<Call['do'], 'restore' | 'protect'>, string>> = {
  copy: 'CopyImage',
  adopt: 'CreateTags',
  tag: 'CreateTags',
  untag: 'DeleteTags',
  claim: 'CreateTags',
  requestUsage: 'CreateImageUsageReport',
  modifyLaunch: 'ModifyImageAttribute',
  makePublic: 'ModifyImageAttribute',
  modifyVolume: 'ModifySnapshotAttribute',
  putParameter: 'PutParameter',
  deleteParameter: 'DeleteParameter',
  deprecate: 'EnableImageDeprecation',
  disable: 'DisableImage',
  deregister: 'DeregisterImage',
  deleteSnapshot: 'DeleteSnapshot',
};

/** The AWS action that a call is, which is what AWS counts. */
export function awsActionOf(call: Call): string {
  if (call.do === 'restore') return call.what === 'enable' ? 'EnableImage' : 'DisableImageDeprecation';
  if (call.do === 'protect')
    return call.on ? 'EnableImageDeregistrationProtection' : 'DisableImageDeregistrationProtection';
  return ACTIONS[call.do];
}
