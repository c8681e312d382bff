import { describe, expect, it, vi } from 'vitest';
import { VERSION } from '../../src/cli/version.ts';
import { AmifleetProcess } from '../process/amifleet-process.ts';

// Each run is a process of its own.
vi.setConfig({ testTimeout: 60_000 });

const run = async (...args: readonly string[]) => {
  const child = new AmifleetProcess(args);
  const { code } = await child.ended;
  return { code, stdout: child.stdout, stderr: child.stderr };
};

const COMMANDS = ['controller', 'plan', 'apply', 'simulator', 'demo', 'crds', 'iam'];

describe('amifleet', () => {
  it('--help lists every command and exits 0', async () => {
    const { code, stdout, stderr } = await run('--help');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const command of COMMANDS) expect(stdout).toMatch(new RegExp(`^ {2}${command}\\b`, 'm'));
  });

  it('--version says the version', async () => {
    expect(await run('--version')).toEqual({ code: 0, stdout: `${VERSION}\n`, stderr: '' });
  });

  it('without a command shows what there is, and exits 1', async () => {
    const { code, stdout, stderr } = await run();
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('Usage: amifleet');
  });

  it.each(COMMANDS)('%s --help says what it does', async (command) => {
    const { code, stdout, stderr } = await run(command, '--help');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`Usage: amifleet ${command}`);
    expect(stdout).toContain('Options:');
  });

  it.each([['plan'], ['apply']])('%s --help says what its exit codes mean', async (command) => {
    const { stdout } = await run(command, '--help');
    expect(stdout).toContain('Exit codes:');
    expect(stdout).toContain('AWS_ENDPOINT_URL');
  });

  it('controller --help gives its defaults as they would be written', async () => {
    const { stdout } = await run('controller', '--help');
    expect(stdout).toContain('(default: 5m)');
    expect(stdout).toMatch(/\(default:\s+0\.8\)/);
    expect(stdout).toMatch(/whatever policies\s+say \(default: true\)/);
  });

  const wrong: [string[], RegExp][] = [
    [['deploy'], /unknown command 'deploy'/],
    [['plan', '-f', 'x.yaml', '--wait'], /unknown option '--wait'/],
    [['plan'], /required option '-f, --file <path>' not specified/],
    [['apply'], /required option '-f, --file <path>' not specified/],
    [['plan', '-f', 'x.yaml', '-o', 'xml'], /argument 'xml' is invalid.*table, json/],
    [['plan', '-f', 'x.yaml', 'more'], /too many arguments/],
    [['controller', '--resync', 'soon'], /Give a duration such as 90s, 5m or 1h30m/],
    [['controller', '--allow-delete', 'no'], /Say true or false/],
    [['controller', '--allow-delete=False'], /Say true or false/],
    [['controller', '--budget-share', '80%'], /Say a fraction above 0 and at most 1/],
    [['controller', '--budget-share', '0'], /Say a fraction above 0 and at most 1/],
    [['apply', '-f', 'x.yaml', '--budget-share', '1.5'], /Say a fraction above 0 and at most 1/],
    [['controller', '--selector', 'shard=a b'], /a part that cannot be read: "shard=a b"/],
    [['controller', '--selector', ''], /Say which labels/],
    [['--nothing'], /unknown option '--nothing'/],
  ];
  it.each(wrong)('%j is refused with the reason and where to read on, and exits 1', async (args, message) => {
    const { code, stdout, stderr } = await run(...args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).toContain('amifleet --help');
  });
});
