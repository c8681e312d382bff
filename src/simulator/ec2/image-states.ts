import { DONE, iso, type Operation } from './call.ts';
import { ownImage, requireState } from './image-access.ts';
import { Refusal } from './refusal.ts';
import { NOBODY, protectionOf, TWO_YEARS_MS } from './world.ts';

export const disableImage: Operation = {
  parameters: ['ImageId', 'DryRun'],
  mutates: true,
  run(call) {
    const image = ownImage(call, call.query.required('ImageId'));
    requireState(image, ['available', 'disabled']);
    call.world.putImage({ ...image, state: 'disabled', permissions: NOBODY });
    return DONE;
  },
};

/** Permissions that were lost by disabling do not come back. */
export const enableImage: Operation = {
  parameters: ['ImageId', 'DryRun'],
  mutates: true,
  run(call) {
    const image = ownImage(call, call.query.required('ImageId'));
    requireState(image, ['available', 'disabled']);
    call.world.putImage({ ...image, state: 'available' });
    return DONE;
  },
};

const MINUTE_MS = 60_000;
const TEN_YEARS_MS = 3653 * 86_400_000;

export const enableImageDeprecation: Operation = {
  parameters: ['ImageId', 'DeprecateAt', 'DryRun'],
  mutates: true,
  run(call) {
    const { query, world } = call;
    const image = ownImage(call, query.required('ImageId'));
    const text = query.required('DeprecateAt');
    const at = Date.parse(text);
    const wrong = (why: string): Refusal =>
      new Refusal('InvalidParameterValue', `Value (${text}) for parameter DeprecateAt is invalid. ${why}`);
    if (!/^\d{4}-\d\d-\d\dT/.test(text) || Number.isNaN(at)) throw wrong('It is not a timestamp.');
    if (at <= world.now()) throw wrong('The date must be in the future.');
    if (at > world.now() + TEN_YEARS_MS) throw wrong('The date must be within ten years.');
    if (image.permissions.public && at > image.createdAt + TWO_YEARS_MS)
      throw wrong('The date for a public AMI must be within two years of its creation.');
    world.putImage({ ...image, deprecationTime: Math.round(at / MINUTE_MS) * MINUTE_MS });
    return DONE;
  },
};

export const disableImageDeprecation: Operation = {
  parameters: ['ImageId', 'DryRun'],
  mutates: true,
  run(call) {
    const { deprecationTime: _, ...image } = ownImage(call, call.query.required('ImageId'));
    if (image.permissions.public)
      throw new Refusal('OperationNotPermitted', 'The deprecation of a public AMI cannot be cancelled');
    call.world.putImage(image);
    return DONE;
  },
};

export const enableProtection: Operation = {
  parameters: ['ImageId', 'WithCooldown', 'DryRun'],
  mutates: true,
  run(call) {
    const image = ownImage(call, call.query.required('ImageId'));
    const protection = call.query.flag('WithCooldown') ? 'enabled-with-cooldown' : 'enabled-without-cooldown';
    call.world.putImage({ ...image, protection });
    return { return: protection };
  },
};

const COOLDOWN_MS = 24 * 60 * MINUTE_MS;

export const disableProtection: Operation = {
  parameters: ['ImageId', 'DryRun'],
  mutates: true,
  run(call) {
    const image = ownImage(call, call.query.required('ImageId'));
    const now = call.world.now();
    const current = protectionOf(image, now);
    // Asking again does not shorten a cooldown that has begun.
    const protection = current.startsWith('disabled')
      ? current
      : current === 'enabled-with-cooldown'
        ? `disabled after ${iso(now + COOLDOWN_MS)}`
        : 'disabled';
    call.world.putImage({ ...image, protection });
    return { return: protection };
  },
};
