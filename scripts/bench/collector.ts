/**
 * What the collector had to do: octets that were allocated, and the time that it took.
 */
import { cpuUsage } from 'node:process';
import { GCProfiler, getHeapStatistics } from 'node:v8';

export interface Collected {
  /** Octets allocated on the heap; contents of typed arrays, which lie elsewhere, are not among them. */
  readonly allocated: number;
  /** Time for which the collector held the program up, and processor time of the whole process (us). */
  readonly gcMicros: number;
  readonly cpuMicros: number;
}

export class CollectorWatch {
  #profiler = new GCProfiler();
  #used = 0;
  #cpu = cpuUsage();

  begin(): void {
    this.#profiler = new GCProfiler();
    this.#profiler.start();
    this.#cpu = cpuUsage();
    this.#used = getHeapStatistics().used_heap_size;
  }

  /** What has happened since `begin`: the heap's growth between one collection and the next, summed up. */
  end(): Collected {
    const used = getHeapStatistics().used_heap_size;
    const { user, system } = cpuUsage(this.#cpu);
    let allocated = 0;
    let gcMicros = 0;
    let mark = this.#used;
    for (const { beforeGC, afterGC, cost } of this.#profiler.stop().statistics) {
      allocated += beforeGC.heapStatistics.usedHeapSize - mark;
      mark = afterGC.heapStatistics.usedHeapSize;
      gcMicros += cost;
    }
    return { allocated: Math.max(0, allocated + used - mark), gcMicros, cpuMicros: user + system };
  }
}
