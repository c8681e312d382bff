#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { Stopped } from './stop-signal.ts';
import { VERSION } from './version.ts';

/** Loaded one by one: `amifleet plan` should not wait for what only the demo needs. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  controller: async () => (await import('./commands/controller.ts')).controllerCommand(),
  plan: async () => (await import('./commands/plan.ts')).planCommand(),
  apply: async () => (await import('./commands/apply.ts')).applyCommand(),
  simulator: async () => (await import('./commands/simulator.ts')).simulatorCommand(),
  demo: async () => (await import('./commands/demo.ts')).demoCommand(),
  crds: async () => (await import('./commands/crds.ts')).crdsCommand(),
  iam: async () => (await import('./commands/iam.ts')).iamCommand(),
};

async function main(argv: readonly string[]): Promise<number> {
  const program = new Command('amifleet')
    .description('Keeps fleets of Amazon Machine Images as AmiPolicy objects declare them.')
    .version(VERSION)
    .showHelpAfterError('Run amifleet --help, or amifleet COMMAND --help, for what is accepted.')
    .exitOverride();
  const wanted = commands[argv[2] ?? ''];
  const loaded = wanted ? [await wanted()] : await Promise.all(Object.values(commands).map((load) => load()));
  for (const command of loaded) program.addCommand(command.copyInheritedSettings(program));
  try {
    await program.parseAsync([...argv]);
    return Number(process.exitCode ?? 0);
  } catch (error) {
    // commander has printed its own message already.
    if (error instanceof CommanderError) return error.exitCode;
    if (error instanceof Stopped) {
      console.error(`amifleet: ${error.message}`);
      return error.exitCode;
    }
    console.error(`amifleet: ${error instanceof Error ? error.message : String(error)}`);
    if (process.env['AMIFLEET_DEBUG'] && error instanceof Error) console.error(error.stack);
    return 1;
  }
}

process.exitCode = await main(process.argv);
