/**
 * The user's shell inside the lab, with a banner that says what to try.
 */
import { spawn } from 'node:child_process';
import { ended, findTool } from './tools.ts';

export interface ShellOptions {
  readonly hostAddress: string;
  readonly peerAddress: string;
  /** File that the packet trace goes to. */
  readonly traceFile: string;
  /** Whether to open the trace beside the shell, in tmux. */
  readonly tmux: boolean;
  readonly signal: AbortSignal;
}

/** Opens the shell and resolves when it has ended. */
export async function runShell(options: ShellOptions): Promise<void> {
  const shell = process.env['SHELL'] ?? findTool('bash') ?? '/bin/sh';
  const tmux = options.tmux ? findTool('tmux') : undefined;
  if (options.tmux && tmux === undefined)
    process.stdout.write('tmux is not installed; the trace goes to its file only.\n');
  if (tmux === undefined) process.stdout.write(banner(options));
  const [path, args] = tmux === undefined ? [shell, []] : [tmux, tmuxArguments(options, shell)];
  const child = spawn(path, args, {
    stdio: 'inherit',
    env: { ...process.env, TAPSTACK_LAB: options.hostAddress, TAPSTACK_TRACE: options.traceFile },
  });
  // Shells ignore SIGTERM; the loss of their terminal ends them.
  const hangUp = (): void => void child.kill('SIGHUP');
  options.signal.addEventListener('abort', hangUp, { once: true });
  await ended(child);
  options.signal.removeEventListener('abort', hangUp);
}

/** What to try. */
export function banner(options: Pick<ShellOptions, 'hostAddress' | 'peerAddress' | 'traceFile'>): string {
  const { hostAddress: host, peerAddress: peer, traceFile } = options;
  const rows = [
    [`ping ${host}`, 'ICMP echo'],
    [`curl http://${host}/`, 'its sockets, neighbours, routes and counters (/json for data)'],
    [`nc ${host} 7`, 'echo; also: nc -u for UDP, 9 discard, 13 daytime, 19 chargen'],
    [`nc ${host} 12345`, "the man page's server"],
    [`nc ${host} 19 | head -c 1G | pv >/dev/null`, 'as fast as it goes'],
    [`tail -f ${traceFile}`, 'every frame in words'],
    ['exit', 'ends the lab; nothing stays behind'],
  ] as const;
  const lines = rows.map(([command, what]) => `    ${command.padEnd(42)} ${what}`);
  return `
  This shell is in a network of its own. The kernel is ${peer} on tap0;
  ${host} is a TCP/IP host written in TypeScript. Try:

${lines.join('\n')}

`;
}

/** A tmux server of the lab's own: one outside would start its panes outside. */
function tmuxArguments(options: ShellOptions, shell: string): string[] {
  const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
  const say = `printf '%s' ${quoted(banner(options))}; exec ${quoted(shell)}`;
  const trace = `tail -n +1 -f ${quoted(options.traceFile)}`;
  return [
    ...['-L', `tapstack-${process.pid}`, 'new-session', say, ';'],
    ...['set-hook', 'pane-exited', 'kill-session', ';'],
    ...['split-window', '-h', '-d', trace],
  ];
}
