import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CopyImageCommand, DescribeImagesCommand, EC2Client } from '@aws-sdk/client-ec2';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { AmifleetProcess } from '../../process/amifleet-process.ts';
import { until } from '../../process/until.ts';
import { DESIGN_SEED } from './design-seed.ts';

// Starting from source takes a second, and some on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const folder = mkdtempSync(join(tmpdir(), 'amifleet-simulator-'));
const seedFile = join(folder, 'seed.yaml');
writeFileSync(seedFile, DESIGN_SEED);

const started: AmifleetProcess[] = [];
const start = (...args: string[]): AmifleetProcess => {
  const simulator = new AmifleetProcess(['simulator', ...args]);
  started.push(simulator);
  return simulator;
};
const serving = async (simulator: AmifleetProcess): Promise<string> =>
  (await simulator.says(/Simulated AWS at (http:\S+)/))[1] ?? '';
afterEach(async () => {
  await Promise.all(started.splice(0).map((each) => each.kill()));
  rmSync(join(folder, 'other.yaml'), { force: true });
});

describe('amifleet simulator', () => {
  it('serves the world of a file until SIGTERM, which ends it also while a client waits for an answer', async () => {
    const simulator = start('--port', '0', '--seed', seedFile);
    const url = await serving(simulator);
    const world = (await (await fetch(`${url}/_sim/world`)).json()) as { images: { name: string }[] };
    expect(world.images.map(({ name }) => name).sort()).toEqual(['web-base-1', 'web-base-2']);
    await fetch(`${url}/_sim/faults`, { method: 'POST', body: '[{action: DescribeImages, kind: timeout-before}]' });
    const credentials = { accessKeyId: 'AKIASIM111122223333', secretAccessKey: 'x' };
    const ec2 = new EC2Client({ endpoint: url, region: 'us-east-1', credentials, maxAttempts: 1 });
    const waiting = ec2.send(new DescribeImagesCommand({})).then(
      () => 'answered',
      () => 'broken off',
    );
    await until('the call', async () =>
      JSON.stringify(await (await fetch(`${url}/_sim/calls`)).json()).includes('Desc'),
    );
    expect(await simulator.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(await waiting).toBe('broken off');
    ec2.destroy();
  });

  it('has a small world of its own without a seed, and time that runs as fast as is said', async () => {
    const url = await serving(start('--port', '0', '--speed', '1000'));
    const credentials = { accessKeyId: 'x', secretAccessKey: 'x' };
    const ec2 = new EC2Client({ endpoint: url, region: 'us-east-1', credentials });
    const { Images = [] } = await ec2.send(new DescribeImagesCommand({ Owners: ['self'] }));
    expect(Images.map(({ Name = '' }) => Name).sort()).toEqual(['web-base-1', 'web-base-2', 'web-base-3']);
    const { ImageId = '' } = await ec2.send(
      new CopyImageCommand({ SourceImageId: Images[0]?.ImageId, SourceRegion: 'us-east-1', Name: 'copy' }),
    );
    // A copy takes 20 to 90 seconds: less than a tenth of one at this speed.
    const copied = await until('the copy', async () => {
      const answer = await ec2.send(new DescribeImagesCommand({ ImageIds: [ImageId] }));
      return answer.Images?.[0]?.State === 'available' && answer.Images[0];
    });
    expect(copied.Name).toBe('copy');
    ec2.destroy();
  });

  it.each([
    ['no port', [], /--port/],
    ['a port that is none', ['--port', '99999'], /0 to 65535/],
    ['a speed that is none', ['--port', '0', '--speed', '0'], /above 0/],
    ['a file that is not there', ['--port', '0', '--seed', '/no/such/file'], /\/no\/such\/file/],
    ['a file that is wrong', ['--port', '0', '--seed', join(folder, 'other.yaml')], /other\.yaml: .*accounts/s],
  ])('refuses %s in words', async (_case, args, message) => {
    writeFileSync(join(folder, 'other.yaml'), 'accounts: {}\n');
    const simulator = start(...args);
    expect(await simulator.ended).toEqual({ code: 1, signal: null });
    expect(simulator.stderr).toMatch(message);
    expect(simulator.stderr).not.toMatch(/^\s+at /m);
  });

  it('says so when the port is taken', async () => {
    const url = await serving(start('--port', '0'));
    const second = start('--port', new URL(url).port);
    expect(await second.ended).toEqual({ code: 1, signal: null });
    expect(second.stderr).toMatch(/already in use/);
  });
});
