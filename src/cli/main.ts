#!/usr/bin/env node
/**
 * The tapstack command. Exit codes: 0 done, 1 something went wrong, 2 wrong use, 128 plus the signal's number when interrupted.
 */
import { CommanderError } from 'commander';
import { EXIT_FAILURE, EXIT_USAGE, explain } from './errors.ts';
import { makeProgram } from './program.ts';

// Whoever read our output has gone (as in "| head"): there is nothing left to do.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(EXIT_FAILURE);
});

const program = makeProgram((exitCode) => {
  process.exitCode = exitCode;
});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

/** Says what went wrong and returns the exit code. */
function report(error: unknown): number {
  // Commander has printed its message, or the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
  const line = explain(error);
  if (line === undefined) throw error;
  process.stderr.write(`tapstack: ${line}\n`);
  return EXIT_FAILURE;
}
