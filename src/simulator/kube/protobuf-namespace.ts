import { type JsonObject } from './json-object.ts';

/** The media type in which kubectl creates namespaces. */
export const PROTOBUF = 'application/vnd.kubernetes.protobuf';

const MAGIC = 'k8s\0';

/**
 * Reads a Namespace in Kubernetes' protobuf form, as `kubectl create namespace` sends it: its name, labels and
 * annotations.
 * @returns undefined where it is another kind
 */
export function readProtobufNamespace(body: Buffer): JsonObject | undefined {
  if (body.subarray(0, MAGIC.length).toString('latin1') !== MAGIC) return undefined;
  const envelope = fieldsOf(body.subarray(MAGIC.length));
  const type = fieldsOf(bytesIn(envelope, 1));
  if (textIn(type, 1) !== 'v1' || textIn(type, 2) !== 'Namespace') return undefined;
  const metadata = fieldsOf(bytesIn(fieldsOf(bytesIn(envelope, 2)), 1));
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name: textIn(metadata, 1),
      generateName: textIn(metadata, 2),
      labels: mapIn(metadata, 11),
      annotations: mapIn(metadata, 12),
    },
  };
}

/** The length-delimited fields of a message, by number. */
type Fields = ReadonlyMap<number, readonly Buffer[]>;

const bytesIn = (fields: Fields, number: number): Buffer => fields.get(number)?.at(-1) ?? Buffer.alloc(0);
const textIn = (fields: Fields, number: number): string => bytesIn(fields, number).toString('utf8');
const mapIn = (fields: Fields, number: number): JsonObject =>
  Object.fromEntries(
    (fields.get(number) ?? []).map((entry) => {
      const pair = fieldsOf(entry);
      return [textIn(pair, 1), textIn(pair, 2)];
    }),
  );

function fieldsOf(message: Buffer): Fields {
  const fields = new Map<number, Buffer[]>();
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; at < message.length; scale *= 128) {
      const byte = message[at++] ?? 0;
      value += (byte & 127) * scale;
      if (byte < 128) break;
    }
    return value;
  };
  while (at < message.length) {
    const key = varint();
    const number = Math.floor(key / 8);
    switch (key % 8) {
      case 0:
        varint();
        break;
      case 1:
        at += 8;
        break;
      case 5:
        at += 4;
        break;
      default: {
        const length = varint();
        fields.set(number, [...(fields.get(number) ?? []), message.subarray(at, at + length)]);
        at += length;
      }
    }
  }
  return fields;
}
