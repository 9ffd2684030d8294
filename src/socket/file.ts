/**
 * What descriptors refer to: the open file description of open(2) and dup(2). Several descriptors may share one, and a message
 * with SCM_RIGHTS may hold one too; it is closed when the last of them lets go.
 */
import type { Watch } from './readiness.ts';

export interface OpenFile {
  /** O_NONBLOCK, shared by all descriptors of the file. The core never waits in any case; the faces that wait look at this. */
  nonBlocking: boolean;
  /** Descriptors and messages under way that refer to it. Changed by `OpenFiles` only. */
  references: number;
  /** Who waits for it. */
  readonly watch: Watch;
  /** Readiness bits, as poll(2) reports them. */
  readiness(): number;
  /** The last reference is gone. */
  close(): void;
  /** A reference is gone, and others are left: maybe only such as nobody can get at. */
  onReleased?(): void;
}

/** Counts the open files of one stack (ENFILE) and the references to each. */
export class OpenFiles {
  readonly limit: number;
  used = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  hold(file: OpenFile): void {
    if (file.references === 0) this.used++;
    file.references++;
  }

  /** Lets go of a file; the last to do so closes it. */
  release(file: OpenFile): void {
    file.references--;
    if (file.references > 0) {
      file.onReleased?.();
      return;
    }
    this.used--;
    file.close();
  }
}
