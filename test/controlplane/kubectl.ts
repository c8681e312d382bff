import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface KubectlResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs kubectl and gives back what it said, whatever its exit code. `stdin` is for `-f -`. */
export type Kubectl = (
  args: readonly string[],
  stdin?: string,
  options?: { readonly signal?: AbortSignal },
) => Promise<KubectlResult>;

/** kubectl bound to a kubeconfig. Its discovery cache is put aside, so that one server is never taken for another. */
export function kubectlWith(binary: string, kubeconfigPath: string): Kubectl {
  const cache = join(tmpdir(), 'amifleet-kubectl-cache', encodeURIComponent(kubeconfigPath));
  return (args, stdin, options = {}) =>
    new Promise((resolve, reject) => {
      const child = spawn(binary, [`--kubeconfig=${kubeconfigPath}`, `--cache-dir=${cache}`, ...args], {
        stdio: ['pipe', 'pipe', 'pipe'],
        ...options,
      });
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', (data: Buffer) => {
        stdout += data.toString();
      });
      child.stderr.on('data', (data: Buffer) => {
        stderr += data.toString();
      });
      child.on('error', (error) => {
        if (error.name !== 'AbortError') reject(error);
      });
      child.on('close', (code) => resolve({ code, stdout, stderr }));
      // A kubectl that ended before it read its input is judged by its exit code.
      child.stdin.on('error', () => undefined);
      child.stdin.end(stdin);
    });
}
