import type { Target } from '../policy/model.ts';

/** What an error asks of the caller (ec2-facts, section 12). */
export type ErrorClass =
  /** Too many calls: slow down. */
  | 'throttle'
  /** A quota, or a limit on what runs at a time: try again in minutes. */
  | 'capacity'
  /** Nobody knows what happened, or the service is down: try again. */
  | 'transient'
  /** Not there, or not visible yet. */
  | 'notFound'
  /** Not in this state: try again later. */
  | 'wrongState'
  /** It will be refused as long as nothing changes. */
  | 'refused'
  /** No access: never to be read as "there is nothing". */
  | 'access'
  /** The same request was sent before, with other parameters. */
  | 'mismatch'
  /** The endpoint does not have this operation, as some emulators. */
  | 'unsupported'
  /** The request is wrong: a fault of this program. */
  | 'bug';

/** What an `AwsError` is made of. */
export interface AwsFailure {
  readonly class: ErrorClass;
  readonly code: string;
  readonly action: string;
  readonly target: Target;
  readonly certain: boolean;
  /** The reason, as a sentence without its full stop. */
  readonly why: string;
  /** Default: none; the message then ends with the reason. */
  readonly remedy?: string;
}

/**
 * An AWS call that did not succeed. The message tells what, where, why and what to do.
 *
 * There is no `cause` on purpose: what the SDK throws carries request ids and the unedited text of AWS, which may quote
 * an external id or a session token, and loggers print causes (S12).
 */
export class AwsError extends Error {
  override readonly name = 'AwsError';
  readonly class: ErrorClass;
  /** The code of AWS, or one of ours in the same style, such as ConnectionFailed or WrongAccount. */
  readonly code: string;
  /** The AWS action, such as CopyImage. */
  readonly action: string;
  readonly target: Target;
  /** True: the call had no effect. False: it may have had its effect. */
  readonly certain: boolean;
  /** What to do about it; empty when only the reason can tell. */
  readonly remedy: string;

  constructor(failure: AwsFailure) {
    const { action, target, code, why, remedy = '' } = failure;
    const said = [
      `${action} in ${target.account}/${target.region} failed: ${code}: ${sentence(why)}`,
      sentence(remedy),
    ];
    super(said.filter((each) => each !== '').join('. '));
    this.class = failure.class;
    this.code = code;
    this.action = action;
    this.target = target;
    this.certain = failure.certain;
    this.remedy = remedy;
  }
}

const sentence = (text: string): string => text.trim().replace(/\.$/, '');
