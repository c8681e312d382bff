import { DescribeImagesCommand, DescribeSnapshotsCommand, EC2Client } from '@aws-sdk/client-ec2';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { imageFrom, snapshotFrom } from '../../src/aws/from-sdk.ts';
import { readImage, readSnapshot } from '../../src/aws/listing-items.ts';
import { takeSet } from '../../src/aws/take-set.ts';

/** Of the SDK's own client, without retries: what it is answered by EC2 is up to the test. */
let answer: { statusCode: number; body: string };
const ec2 = new EC2Client({
  region: 'eu-west-1',
  credentials: { accessKeyId: 'K', secretAccessKey: 's' },
  maxAttempts: 1,
  requestHandler: {
    handle: async () => ({
      response: {
        statusCode: answer.statusCode,
        headers: { 'content-type': 'text/xml' },
        body: new TextEncoder().encode(answer.body),
      },
    }),
  },
});

function success(action: string, members = ''): void {
  answer = { statusCode: 200, body: `<${action}Response><requestId>r-1</requestId>${members}</${action}Response>` };
}

const NAMED = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' } as const;
const escaped = (text: string): string =>
  text.replace(/[&<>"'\n\r]/g, (c) => NAMED[c as keyof typeof NAMED] ?? `&#${c.codePointAt(0)};`);

/** An element, or nothing of it, or one without content. */
const element = (name: string, content: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 6, arbitrary: content.map((inner) => `<${name}>${inner}</${name}>`) },
    { weight: 1, arbitrary: fc.constant('') },
    { weight: 1, arbitrary: fc.constant(`<${name}/>`) },
  );
/** No space at the ends, which the SDK may take off. */
const words = fc
  .string({ unit: fc.constantFrom('a', '-', '/', ' ', '&', '<', '>', '"', "'", 'é', '日', '🦊', '1'), maxLength: 8 })
  .map((text) => escaped(text.trim()));
const text = (name: string): fc.Arbitrary<string> => element(name, words);
const oneOf = (name: string, ...values: string[]): fc.Arbitrary<string> => element(name, fc.constantFrom(...values));
const inAnyOrder = (...parts: fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
  fc
    .tuple(...parts)
    .chain((made) => fc.shuffledSubarray(made, { minLength: made.length }))
    .map((made) => made.join('\n  '));
const items = (name: string, content: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  element(
    name,
    fc.array(content, { maxLength: 3 }).map((all) => all.map((each) => `<item>${each}</item>`).join('')),
  );
const tags = items('tagSet', inAnyOrder(text('key'), text('value')));
const time = (name: string): fc.Arbitrary<string> =>
  oneOf(name, '2026-01-02T03:04:05.000Z', '2024-12-31T23:59:59Z', '2026-06-01T00:00:00.5Z');
const id = (prefix: string): fc.Arbitrary<string> => fc.nat(9).map((digit) => `${prefix}-0123456789abcdef${digit}`);

const image = inAnyOrder(
  element('imageId', id('ami')),
  text('name'),
  text('description'),
  text('imageLocation'),
  oneOf('imageState', 'available', 'pending', 'failed', 'disabled', 'hibernated'),
  element('stateReason', inAnyOrder(text('code'), text('message'))),
  time('creationDate'),
  time('lastLaunchedTime'),
  time('deprecationTime'),
  oneOf('architecture', 'x86_64', 'arm64'),
  oneOf('isPublic', 'true', 'false'),
  oneOf('deregistrationProtection', 'disabled', 'enabled-with-cooldown'),
  element('sourceImageId', id('ami')),
  tags,
  items('productCodes', inAnyOrder(text('productCode'), oneOf('type', 'marketplace'))),
  items(
    'blockDeviceMapping',
    inAnyOrder(
      text('deviceName'),
      element(
        'ebs',
        inAnyOrder(
          element('snapshotId', id('snap')),
          oneOf('volumeSize', '8', '16384'),
          oneOf('encrypted', 'true', 'false'),
          oneOf('volumeType', 'gp3'),
        ),
      ),
    ),
  ),
);
const snapshot = inAnyOrder(
  element('snapshotId', id('snap')),
  oneOf('status', 'pending', 'completed', 'error'),
  text('statusMessage'),
  oneOf('progress', '', '37%', '100%'),
  text('description'),
  oneOf('volumeSize', '8', '16384'),
  oneOf('encrypted', 'true', 'false'),
  text('kmsKeyId'),
  fc.constantFrom('', '<startTime>2026-01-02T03:04:05.000Z</startTime>'),
  text('ownerId'),
  tags,
);
const setOf = (name: string, item: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(items(name, item), element('nextToken', fc.constantFrom('t1', 't2')), fc.boolean())
    .map(([set, token, first]) => (first ? `${set}\n${token}` : `${token}${set}`));

const present = <T>(item: T | undefined): item is T => item !== undefined;

describe('a listing that is taken out of the answer', () => {
  it('says of images what the SDK says', async () => {
    await fc.assert(
      fc.asyncProperty(setOf('imagesSet', image), async (members) => {
        success('DescribeImages', members);
        const bySdk = await ec2.send(new DescribeImagesCommand({}));
        const command = new DescribeImagesCommand({});
        const taken = takeSet(command, 'imagesSet', readImage);
        const rest = await ec2.send(command);
        const read = (all: Parameters<typeof imageFrom>[0][]) => all.map((each) => imageFrom(each)).filter(present);
        expect(read([...taken()])).toEqual(read(bySdk.Images ?? []));
        expect(rest.NextToken).toBe(bySdk.NextToken);
        expect(rest.Images ?? []).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('says of snapshots what the SDK says', async () => {
    await fc.assert(
      fc.asyncProperty(setOf('snapshotSet', snapshot), async (members) => {
        success('DescribeSnapshots', members);
        const bySdk = await ec2.send(new DescribeSnapshotsCommand({}));
        const command = new DescribeSnapshotsCommand({});
        const taken = takeSet(command, 'snapshotSet', readSnapshot);
        const rest = await ec2.send(command);
        const read = (all: Parameters<typeof snapshotFrom>[0][]) =>
          all.map((each) => snapshotFrom(each)).filter(present);
        expect(read([...taken()])).toEqual(read(bySdk.Snapshots ?? []));
        expect(rest.NextToken).toBe(bySdk.NextToken);
      }),
      { numRuns: 300 },
    );
  });

  it('is none where the answer is cut off, wherever that is', async () => {
    const whole =
      '<imagesSet><item><imageId>ami-1</imageId><name>a&amp;b</name><tagSet><item><key>k</key></item></tagSet></item></imagesSet>';
    for (let length = 1; length < whole.length; length++) {
      answer = { statusCode: 200, body: `<DescribeImagesResponse>${whole.slice(0, length)}` };
      const command = new DescribeImagesCommand({});
      takeSet(command, 'imagesSet', readImage);
      await expect(ec2.send(command)).rejects.toThrow(/./);
    }
  });

  it.each([
    ['an entity that is none', '<name>a&nbsp;b</name>', '&nbsp;'],
    ['elements where text is expected', '<name><b>a</b></name>', 'text is expected'],
    ['a section of raw text', '<description><![CDATA[a]]></description>', 'text is expected'],
  ])('is refused with %s in it', async (_, inner, said) => {
    success('DescribeImages', `<imagesSet><item>${inner}</item></imagesSet>`);
    const command = new DescribeImagesCommand({});
    takeSet(command, 'imagesSet', readImage);
    await expect(ec2.send(command)).rejects.toThrow(said);
  });

  it('leaves errors to the SDK, and keeps nothing of an earlier answer when its command is sent again', async () => {
    const command = new DescribeImagesCommand({});
    const taken = takeSet(command, 'imagesSet', readImage);
    success('DescribeImages', '<imagesSet><item><imageId>ami-1</imageId></item></imagesSet>');
    await ec2.send(command);
    expect(taken()).toEqual([{ ImageId: 'ami-1' }]);
    const error = '<Errors><Error><Code>Unavailable</Code><Message>later</Message></Error></Errors>';
    answer = { statusCode: 503, body: `<Response>${error}<RequestID>r-2</RequestID></Response>` };
    await expect(ec2.send(command)).rejects.toMatchObject({ name: 'Unavailable', message: 'later' });
    expect(taken()).toEqual([]);
    success('DescribeImages');
    await ec2.send(command);
    expect(taken()).toEqual([]);
  });
});
