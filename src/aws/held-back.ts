import type { Target } from '../policy/model.ts';
import { AwsError } from './aws-error.ts';

/** A call that was not sent, because AWS has refused all others of its kind lately. */
export class HeldBack extends AwsError {}

export const heldBack = (action: string, target: Target): HeldBack =>
  new HeldBack({
    class: 'throttle',
    code: 'RequestLimitExceeded',
    action,
    target,
    certain: true,
    why: 'AWS refuses all calls of this kind at present, because too many are made in the account',
    remedy: 'It is tried again, more slowly each time until one passes',
  });
