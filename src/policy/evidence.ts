import type { AmiPolicySpec } from '../api/ami-policy.ts';
import { type Answer, DAY_MS, type Image, type References, type UsageReport } from './model.ts';
import type { NodeClassUse } from './node-classes.ts';
import { isoTime } from './tags.ts';

/**
 * Whether an image is in use, with what that is concluded from. Unknown is never taken for a no. `reportWanted`: nothing
 * that can be seen from here speaks for use, and a usage report has to say what other accounts do with it. `tooYoung`:
 * EC2 may not have told yet of whoever uses it.
 */
export interface Evidence {
  readonly verdict: 'inUse' | 'notInUse' | 'unknown' | 'reportWanted' | 'tooYoung';
  readonly because: readonly string[];
}

export interface Observed {
  readonly image: Image;
  /** Whether others may launch it. */
  readonly isShared: boolean;
  /** What refers to it in its own account, all versions of launch templates included. */
  readonly references: Answer<References>;
  /** Undefined: not asked for. */
  readonly report: Answer<UsageReport> | undefined;
  /** What the EC2NodeClasses of the cluster do with it; undefined: there is no cluster (file mode). */
  readonly nodeClasses?: Answer<NodeClassUse> | undefined;
}

type Rules = Pick<NonNullable<AmiPolicySpec['retention']>, 'minUnusedDays'>;

/** What `minUnusedDays` is where the policy has no retention. */
export const DEFAULT_RULES: Rules = { minUnusedDays: 30 };

/** How late EC2 tells of launches, and reports of instances in other accounts (ec2-facts 8.4). */
const LAUNCHES_LAG_MS = DAY_MS;
/** A report that finds no use is good for this long (issue: at most 24 h old at each gate). */
const REPORT_GOOD_MS = DAY_MS;
/** One that finds use only ever keeps an image, and is believed for longer, so that what is kept costs little. */
const USE_BELIEVED_MS = 7 * DAY_MS;

/**
 * From when on EC2 tells of all launches of an image that matter, milliseconds since the epoch. A pending one cannot be
 * launched; what runs in its own account is seen at once, so that only launches that are over may be missed there.
 */
export function launchesToldFrom({ image, isShared }: Pick<Observed, 'image' | 'isShared'>, rules: Rules): number {
  const matters = image.state !== 'pending' && (isShared || rules.minUnusedDays > 0);
  return image.createdAt + (matters ? LAUNCHES_LAG_MS : 0);
}

/**
 * Judges one image, the cheapest evidence first.
 * @param now milliseconds since the epoch, by the clock of AWS
 */
export function judgeUse(observed: Observed, rules: Rules, now: number): Evidence {
  const { image, references, report, nodeClasses } = observed;
  const used: string[] = [];
  const unused: string[] = [];
  if (!references.ok) {
    return { verdict: 'unknown', because: [`its references could not be read: ${references.why}`] };
  }
  if (references.value.length > 0) used.push(`referenced by ${some(references.value)}`);
  else unused.push('nothing in its account refers to it');

  if (image.lastLaunchedAt === undefined) unused.push('no launch is recorded');
  else {
    const days = Math.max(0, Math.floor((now - image.lastLaunchedAt) / DAY_MS));
    if (days < rules.minUnusedDays) used.push(`launched ${days} days ago, less than ${rules.minUnusedDays}`);
    else unused.push(`last launched ${days} days ago`);
  }
  if (nodeClasses?.ok) used.push(...nodeClasses.value.uses);
  if (used.length > 0) return { verdict: 'inUse', because: used };

  if (nodeClasses && !nodeClasses.ok)
    return { verdict: 'unknown', because: [`the EC2NodeClasses of the cluster could not be read: ${nodeClasses.why}`] };
  if (nodeClasses && nodeClasses.value.doubts.length > 0)
    return { verdict: 'unknown', because: [some(nodeClasses.value.doubts)] };
  unused.push(nodeClasses ? 'no EC2NodeClass of the cluster names it' : 'EC2NodeClasses were not looked at');

  const toldFrom = launchesToldFrom(observed, rules);
  if (now < toldFrom)
    return { verdict: 'tooYoung', because: ['it is not a day old, and EC2 tells of launches up to a day late'] };
  const reported = judgeReport(report, toldFrom, now);
  return reported.verdict === 'notInUse' ? { ...reported, because: [...unused, ...reported.because] } : reported;
}

/** @param toldFrom a report of before tells nothing */
function judgeReport(report: Answer<UsageReport> | undefined, toldFrom: number, now: number): Evidence {
  if (!report) return { verdict: 'reportWanted', because: ['no usage report was looked for yet'] };
  if (!report.ok) return { verdict: 'unknown', because: [`its usage reports could not be read: ${report.why}`] };
  const { value } = report;
  if (value.kind === 'none') return { verdict: 'reportWanted', because: ['there is no usage report of it'] };
  const age = now - value.createdAt;
  const made = isoTime(value.createdAt);
  if (value.kind === 'pending') {
    return { verdict: 'unknown', because: [`the usage report asked for at ${made} is not there yet`] };
  }
  if (value.kind === 'failed') {
    if (age > REPORT_GOOD_MS) return { verdict: 'reportWanted', because: [`the usage report of ${made} failed`] };
    return { verdict: 'unknown', because: [`the usage report of ${made} failed: ${value.why}`] };
  }
  if (value.usages.length > 0) {
    if (age > USE_BELIEVED_MS) return { verdict: 'reportWanted', because: [`the usage report of ${made} is too old`] };
    const uses = value.usages.map(({ account, type, count }) => `${count} ${type} in account ${account}`);
    return { verdict: 'inUse', because: [`${some(uses)}, by the usage report of ${made}`] };
  }
  if (age > REPORT_GOOD_MS) {
    return { verdict: 'reportWanted', because: [`the usage report of ${made} is more than a day old`] };
  }
  if (value.createdAt < toldFrom) {
    return { verdict: 'reportWanted', because: [`the usage report of ${made} was made when the image was new`] };
  }
  return { verdict: 'notInUse', because: [`no account uses it, by the usage report of ${made}`] };
}

function some(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ');
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}
