/**
 * The command line: commands, options, help. What the commands do is in a file each.
 */
import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { ALL_SERVICES, SERVICE_NAMES } from '../app/services.ts';
import { DEFAULT_QUEUE_LENGTH, MAX_QUEUE_LENGTH } from '../link/tap-device.ts';
import { readHostAddress, readMacAddress, readNumber, readPlainAddress, readServices } from './arguments.ts';
import { lab, start } from './start.ts';
import type { StartOptions } from './start.ts';
import { up } from './up.ts';
import type { UpOptions } from './up.ts';

/** The program; `finish` receives the exit code of the command that ran. Errors in its use throw a CommanderError. */
export function makeProgram(finish: (exitCode: number) => void): Command {
  const program = new Command('tapstack')
    .description('A TCP/IP host in TypeScript on a Linux TAP device')
    .version(version())
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'tapstack: ')) });
  addStart(program, finish);
  addUp(program, finish);
  addLab(program, finish);
  return program;
}

function addStart(program: Command, finish: (exitCode: number) => void): void {
  const command = program.command('start').summary('make a private network with a host in it, and try it');
  command
    .description(
      'Makes a network namespace with a TAP device, the kernel at 10.0.0.1 and a tapstack host with all services at 10.0.0.2. ' +
        'On a terminal it opens your shell in there; otherwise it tries everything itself and prints a line for each (exit ' +
        'code 0 when all passed). Nothing stays behind. Without a TAP device it does the same between two hosts in memory.',
    )
    .action(async (options: StartOptions) => finish(await start(options, argumentsAfter('start'))));
  addLabOptions(command);
}

/** What `start` runs inside the namespace. */
function addLab(program: Command, finish: (exitCode: number) => void): void {
  const command = program.command('lab', { hidden: true }).description('as start, in the namespace it is started in');
  addLabOptions(command).action(async (options: StartOptions) => finish(await lab(options)));
}

function addLabOptions(command: Command): Command {
  return command
    .option('--tour', 'try everything, also on a terminal', false)
    .option('--memory', 'take the tour in memory, without a TAP device', false)
    .option('--json', 'print the results of the tour as JSON', false)
    .option('--no-offload', 'frames of at most the MTU, each with its checksum')
    .option('--pcap <file>', 'capture all frames (pcapng)')
    .option('--trace-file <file>', 'write each frame in words to this file')
    .option('--tmux', 'show the trace beside the shell', false);
}

function addUp(program: Command, finish: (exitCode: number) => void): void {
  const services = new Option(
    '--serve <services>',
    `services, each with another port if wanted (${SERVICE_NAMES.join(', ')})`,
  )
    .default(ALL_SERVICES, 'all of them on their standard ports')
    .argParser(readServices);
  program
    .command('up')
    .summary('serve on a TAP device of this network namespace')
    .description(
      'Attaches to a TAP device, which is created if it does not exist and you have the right to, and serves until Ctrl-C. ' +
        "The kernel's side is yours to set up: ip address add 10.0.0.1/24 dev tap0; ip link set tap0 up",
    )
    .option('--tap <name>', 'TAP device', 'tap0')
    .requiredOption('--address <address/length>', 'address of the host, e.g. 10.0.0.2/24', readHostAddress)
    .option('--gateway <address>', 'default gateway, e.g. 10.0.0.1', readPlainAddress)
    .addOption(services)
    .option('--no-offload', 'frames of at most the MTU, each with its checksum')
    .option('--mac <address>', 'MAC address (default: random)', readMacAddress)
    .option('--mtu <octets>', "largest datagram (default: the device's)", readNumber(68, 65535))
    .option(
      '--queue <frames>',
      `frames that the kernel keeps for the host to read (default: ${DEFAULT_QUEUE_LENGTH}, or the length that an existing device has)`,
      readNumber(1, MAX_QUEUE_LENGTH),
    )
    .option(
      '--max-clients <number>',
      'clients that each service serves at once (default: 1024)',
      readNumber(1, 100_000),
    )
    .option('--probe', 'make sure first that nobody else uses the address (takes seconds)', false)
    .option('--pcap <file>', 'capture all frames (pcapng)')
    .option('--trace', 'print each frame in words', false)
    .action(async (options: UpOptions) => finish(await up(options)));
}

/** The command line behind the name of the command. */
function argumentsAfter(name: string): string[] {
  return process.argv.slice(process.argv.indexOf(name, 2) + 1);
}

/** The version in package.json, which is two folders up both from src/cli and from dist/cli. */
function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
