import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export interface ServerIdentity {
  /** The authority's certificate, which clients must be given. PEM. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const SEQUENCE = 0x30;
const SET = 0x31;
const OID = {
  commonName: [0x55, 0x04, 0x03],
  basicConstraints: [0x55, 0x1d, 0x13],
  subjectAltName: [0x55, 0x1d, 0x11],
  ecdsaWithSha256: [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02],
} as const;

let serial = 1;

/**
 * Makes a certificate authority of its own and a certificate for `localhost` and 127.0.0.1 that it has signed. Node can
 * make keys but no certificates, hence the few lines of DER.
 */
export function privateServerIdentity(): ServerIdentity {
  const authority = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const server = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = `test authority ${serial}`;
  const isCa = extension(OID.basicConstraints, der(SEQUENCE, der(0x01, Buffer.from([0xff]))));
  const names = extension(
    OID.subjectAltName,
    der(SEQUENCE, der(0x82, Buffer.from('localhost')), der(0x87, Buffer.from([127, 0, 0, 1]))),
  );
  return {
    ca: certificate(name, name, authority.publicKey, authority.privateKey, isCa),
    cert: certificate(name, 'localhost', server.publicKey, authority.privateKey, names),
    key: server.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function certificate(issuer: string, subject: string, key: KeyObject, signer: KeyObject, extension: Buffer): string {
  const algorithm = der(SEQUENCE, oid(OID.ecdsaWithSha256));
  const body = der(
    SEQUENCE,
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([serial++])),
    algorithm,
    distinguishedName(issuer),
    der(SEQUENCE, time('20200101000000Z'), time('20991231235959Z')),
    distinguishedName(subject),
    key.export({ type: 'spki', format: 'der' }),
    der(0xa3, der(SEQUENCE, extension)),
  );
  const signature = der(0x03, Buffer.concat([Buffer.from([0]), sign('sha256', body, signer)]));
  const text = der(SEQUENCE, body, algorithm, signature).toString('base64');
  return `-----BEGIN CERTIFICATE-----\n${text.match(/.{1,64}/g)?.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function distinguishedName(commonName: string): Buffer {
  return der(SEQUENCE, der(SET, der(SEQUENCE, oid(OID.commonName), der(0x0c, Buffer.from(commonName)))));
}

function extension(id: readonly number[], value: Buffer): Buffer {
  return der(SEQUENCE, oid(id), der(0x04, value));
}

function oid(bytes: readonly number[]): Buffer {
  return der(0x06, Buffer.from(bytes));
}

function time(generalized: string): Buffer {
  return der(0x18, Buffer.from(generalized));
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), content]);
}
