/**
 * Errors as a user of the command line sees them: one line that says what is wrong and what to do, and an exit code.
 */
import { PortInUseError } from '../app/services.ts';
import { errorCode, errorText } from '../app/sockets.ts';

/** Exit codes: something went wrong, and the command was not used as it should be. */
export const EXIT_FAILURE = 1;
export const EXIT_USAGE = 2;
/** Added to a signal's number, as shells do, when a signal ended the work before it was done. */
const EXIT_SIGNAL = 128;

/** Exit code of work that a signal cut short. */
export const exitForSignal = (signal: unknown): number => EXIT_SIGNAL + (signal === 'SIGTERM' ? 15 : 2);

/** An error whose message is meant for the user as it is. */
export class CliError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = EXIT_FAILURE) {
    super(message);
    this.name = 'CliError';
    this.exitCode = exitCode;
  }
}

/**
 * The line for an error that has a cause outside this program, or undefined for one that has not: a bug, whose stack trace
 * is wanted.
 */
export function explain(error: unknown): string | undefined {
  if (error instanceof CliError) return error.message;
  if (error instanceof PortInUseError) {
    return `${error.message}; give each service a port of its own, e.g. --serve ${error.plan.name}:${freePort(error.plan.port)}`;
  }
  if (error instanceof TypeError || error instanceof RangeError) return undefined;
  // TapError, NetError and Node's system errors carry the errno's name and a readable message.
  return errorCode(error) === '' ? undefined : errorText(error);
}

const freePort = (port: number): number => (port < 1024 ? port + 8000 : port + 1);
