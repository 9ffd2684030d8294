/**
 * One heap of owners, each with one earliest deadline.
 *
 * An owner (a connection, a neighbour entry) keeps its own table of named deadlines, where setting a timer is writing a
 * number; the heap holds each owner once, keyed by the smallest of them. O(log n) to move, O(1) to ask for the next.
 */
import { NEVER } from './time.ts';
import type { Micros } from './time.ts';

/** Something that wants to be called at its `deadline`. The heap alone writes `heapIndex`. */
export interface TimerOwner {
  /** When it wants to be called; `NEVER` when it does not. Change it through `TimerHeap.schedule`. */
  deadline: Micros;
  /** Place in the heap; -1 while not in it. */
  heapIndex: number;
  /** Called once `deadline` has come. The owner is out of the heap by then and may schedule itself again. */
  onDeadline(now: Micros): void;
}

export class TimerHeap {
  readonly #heap: TimerOwner[] = [];

  /** Number of owners that wait. */
  get size(): number {
    return this.#heap.length;
  }

  /** The earliest deadline, `NEVER` when nobody waits. */
  next(): Micros {
    return this.#heap.length === 0 ? NEVER : this.#heap[0]!.deadline;
  }

  /** Sets the owner's deadline and puts it in its place; `NEVER` takes it out. */
  schedule(owner: TimerOwner, deadline: Micros): void {
    if (deadline === NEVER) {
      this.cancel(owner);
      return;
    }
    const before = owner.deadline;
    owner.deadline = deadline;
    if (owner.heapIndex < 0) {
      owner.heapIndex = this.#heap.length;
      this.#heap.push(owner);
      this.#up(owner.heapIndex);
    } else if (deadline < before) {
      this.#up(owner.heapIndex);
    } else if (deadline > before) {
      this.#down(owner.heapIndex);
    }
  }

  /** Takes the owner out; does nothing when it is not in. */
  cancel(owner: TimerOwner): void {
    owner.deadline = NEVER;
    const index = owner.heapIndex;
    if (index < 0) return;
    owner.heapIndex = -1;
    const last = this.#heap.pop()!;
    if (last === owner) return;
    this.#heap[index] = last;
    last.heapIndex = index;
    this.#up(index);
    this.#down(last.heapIndex);
  }

  /**
   * Calls each owner whose deadline is not after `now`, earliest first. Returns how many were called. An owner that
   * schedules itself for `now` or earlier is called again in the same turn; for ever, if it always does.
   */
  expire(now: Micros): number {
    let called = 0;
    while (this.#heap.length > 0 && this.#heap[0]!.deadline <= now) {
      const owner = this.#heap[0]!;
      this.cancel(owner);
      owner.onDeadline(now);
      called++;
    }
    return called;
  }

  #up(start: number): void {
    const heap = this.#heap;
    const owner = heap[start]!;
    let index = start;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent]!;
      if (above.deadline <= owner.deadline) break;
      heap[index] = above;
      above.heapIndex = index;
      index = parent;
    }
    heap[index] = owner;
    owner.heapIndex = index;
  }

  #down(start: number): void {
    const heap = this.#heap;
    const owner = heap[start]!;
    let index = start;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.deadline < heap[child]!.deadline) child++;
      const below = heap[child]!;
      if (below.deadline >= owner.deadline) break;
      heap[index] = below;
      below.heapIndex = index;
      index = child;
    }
    heap[index] = owner;
    owner.heapIndex = index;
  }
}
