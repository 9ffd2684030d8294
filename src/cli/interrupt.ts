/**
 * Ctrl-C and kill as an AbortSignal, so that every command ends the same way: by leaving its scope.
 */
import { exitForSignal } from './errors.ts';

export interface Interrupt extends Disposable {
  /** Aborted by SIGINT, SIGTERM or SIGHUP, or when the process that started this one has gone; its reason is the signal's name. */
  readonly signal: AbortSignal;
}

/** Time to tidy up after a signal (ms). */
const PATIENCE = 3000;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Catches the signals from now on until disposed. `ignore` lists those to swallow, as a shell's parent does. */
export function catchInterrupts(ignore: readonly string[] = []): Interrupt {
  const controller = new AbortController();
  const abort = (signal: string): void => {
    if (ignore.includes(signal)) return;
    // Asked twice: leave at once. Asked once: whatever still hangs after a while is left behind.
    if (controller.signal.aborted) process.exit(exitForSignal(signal));
    controller.abort(signal);
    setTimeout(() => process.exit(exitForSignal(signal)), PATIENCE).unref();
  };
  const parentGone = (): void => abort('SIGHUP');
  for (const signal of SIGNALS) process.on(signal, abort);
  process.on('disconnect', parentGone);
  // Watching for the parent's end must not keep this process alive.
  process.channel?.unref();
  return {
    signal: controller.signal,
    [Symbol.dispose](): void {
      for (const signal of SIGNALS) process.off(signal, abort);
      process.off('disconnect', parentGone);
    },
  };
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
