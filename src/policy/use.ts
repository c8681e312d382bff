import { DEFAULT_RULES, type Evidence, judgeUse, launchesToldFrom } from './evidence.ts';
import { isNothing } from './launch-grants.ts';
import { type Answer, DAY_MS, type Image, type Target } from './model.ts';
import { type NodeClass, type NodeClassUse, nodeClassUse } from './node-classes.ts';
import type { Objection } from './objection.ts';
import { inventoryOf, launchGrantsOf, type Pass } from './pass.ts';
import { usageToken } from './token.ts';

/** Usage reports that are asked for in a target at a time. EC2 makes 2,000, which others may need, too, and one of an image. */
const REPORTS_PENDING = 20;

/**
 * Whether evidence stands in the way of removing an image; `asking` where that depends on an answer still to come. What
 * other accounts do with an image only a usage report tells, and making one is a change of AWS: it is asked for last,
 * when nothing else keeps the image.
 */
export function inUse(pass: Pass, image: Image, target: Target, subject: string): Objection | 'asking' | undefined {
  const grants = launchGrantsOf(pass, target, image, subject, part(pass));
  const evidence = evidenceOf(pass, image, target);
  if (!grants || evidence === 'asking') return 'asking';
  const because = evidence.because.join('; ');
  const ignored = pass.spec.retention?.inUse === 'Ignore' && pass.limits.allowIgnoreInUse;
  if (ignored && evidence.verdict !== 'unknown') return undefined;
  switch (evidence.verdict) {
    case 'inUse':
      return { code: 'InUse', message: `kept, it is in use: ${because}` };
    case 'unknown':
      return (
        awaitReport(pass, image, target, subject) ?? {
          code: 'UseUnknown',
          message: `kept, whether it is in use is not known: ${because}`,
        }
      );
    case 'tooYoung': {
      const until = launchesToldFrom({ image, isShared: !isNothing(grants) }, rulesOf(pass));
      pass.draft.wait({ part: part(pass), subject, target, message: because, until });
      return 'asking';
    }
    case 'reportWanted':
      return requestReport(pass, image, target, subject, because);
    default:
      return undefined;
  }
}

/** What an image that `inUse` did not object to was found unused by. */
export function evidenceFor(pass: Pass, image: Image, target: Target): readonly string[] {
  const evidence = evidenceOf(pass, image, target);
  if (evidence === 'asking') return [];
  const ignored = evidence.verdict !== 'notInUse' ? ['retention.inUse is Ignore'] : [];
  return [...evidence.because, ...ignored];
}

const part = (pass: Pass): 'deletion' | 'retention' => (pass.deleting ? 'deletion' : 'retention');

function evidenceOf(pass: Pass, image: Image, target: Target): Evidence | 'asking' {
  const inventory = inventoryOf(pass, target);
  const references = inventory?.references.get(image.id);
  if (!references) {
    pass.draft.need({ kind: 'references', target, imageId: image.id });
    return 'asking';
  }
  const report = inventory?.usageReports.get(image.id);
  const { nodeClasses } = pass;
  const isShared = isSharedNow(pass, image, target);
  const observed = {
    image,
    isShared,
    references,
    report,
    nodeClasses: nodeClasses && usesIn(nodeClasses, image, { account: target.account, isShared }),
  };
  const evidence = judgeUse(observed, rulesOf(pass), pass.now);
  const ignored = pass.spec.retention?.inUse === 'Ignore' && pass.limits.allowIgnoreInUse;
  if (evidence.verdict === 'reportWanted' && !report && !ignored) {
    pass.draft.need({ kind: 'usageReport', target, imageId: image.id });
    return 'asking';
  }
  return evidence;
}

const rulesOf = ({ spec }: Pass): typeof DEFAULT_RULES => spec.retention ?? DEFAULT_RULES;

function isSharedNow(pass: Pass, image: Image, target: Target): boolean {
  const grants = inventoryOf(pass, target)?.launchGrants.get(image.id);
  return !grants?.ok || !isNothing(grants.value);
}

const usesIn = (
  answer: Answer<readonly NodeClass[]>,
  image: Image,
  place: Parameters<typeof nodeClassUse>[2],
): Answer<NodeClassUse> => (answer.ok ? { ok: true, value: nodeClassUse(answer.value, image, place) } : answer);

const MINUTE_MS = 60_000;

/** A report that EC2 is making is waited for, the longer the more patiently, and not for ever. */
function awaitReport(pass: Pass, image: Image, target: Target, subject: string): 'asking' | undefined {
  const report = inventoryOf(pass, target)?.usageReports.get(image.id);
  if (!report?.ok || report.value.kind !== 'pending') return undefined;
  const age = Math.max(0, pass.now - report.value.createdAt);
  if (age > DAY_MS) return undefined;
  pass.draft.wait({
    part: part(pass),
    subject,
    target,
    message: 'EC2 is making a report on who uses it, in all accounts',
    until: pass.now + Math.min(Math.max(age / 2, MINUTE_MS / 4), 30 * MINUTE_MS),
  });
  return 'asking';
}

function requestReport(pass: Pass, image: Image, target: Target, subject: string, because: string): 'asking' {
  const { draft } = pass;
  const reports = inventoryOf(pass, target)?.usageReports;
  const pending = [...(reports?.values() ?? [])].filter((each) => each.ok && each.value.kind === 'pending').length;
  const asked = draft.actions.filter(
    ({ kind, target: at }) =>
      kind === 'RequestUsageReport' && at.region === target.region && at.account === target.account,
  ).length;
  if (pending + asked >= REPORTS_PENDING) {
    const message = `${REPORTS_PENDING} usage reports are under way there; the one of this image follows`;
    draft.wait({ part: part(pass), subject, target, message, until: pass.now + MINUTE_MS });
    return 'asking';
  }
  const before = reports?.get(image.id);
  draft.act({
    id: `request-usage ${image.id}`,
    kind: 'RequestUsageReport',
    target,
    subject,
    reason: `nothing else keeps it, and only a report tells whether another account uses it: ${because}`,
    call: {
      do: 'requestUsage',
      imageId: image.id,
      token: usageToken(image.id, before?.ok && before.value.kind !== 'none' ? before.value.id : '', pass.now),
    },
  });
  return 'asking';
}
