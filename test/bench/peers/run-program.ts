import { execFile } from 'node:child_process';

const TIMEOUT_MS = 300_000;

/** Runs a program to its end. @throws Error with the end of what it said when it fails */
export function runProgram(
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  const env = { PATH: process.env['PATH'], ...environment };
  return new Promise((resolve, reject) => {
    execFile(program, args, { env, timeout: TIMEOUT_MS, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${program}: ${error.message}\n${(stdout + stderr).slice(-2000)}`));
      else resolve();
    });
  });
}
