import { type DestinationStream, type Logger, pino } from 'pino';
import { hideCredentials } from '../aws/hide-credentials.ts';
import { passContext } from '../controller/pass-context.ts';

/**
 * The log of a controller: JSON lines, each with the pass that it belongs to. Nothing writes a credential or an external
 * id on purpose; what looks like one is taken out all the same, on the way out of the process.
 * @param destination default: the standard output
 */
export function controllerLog(level: string, destination?: DestinationStream): Logger {
  const options = { level, base: null, mixin: passContext, hooks: { streamWrite: hideSecrets } };
  return destination ? pino(options, destination) : pino(options);
}

/** Fields of the SDK and of an AwsAccount that nobody may read in a log, however deep they lie. */
const SECRET_FIELDS = /"(externalId|ExternalId|secretAccessKey|sessionToken|accessKeyId|token)":"(?:[^"\\]|\\.)*"/g;

const hideSecrets = (line: string): string => hideCredentials(line.replaceAll(SECRET_FIELDS, '"$1":"<hidden>"'));
