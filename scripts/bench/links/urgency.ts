/**
 * Who gets the processor first. The kernel's TCP does its work at once, whatever else the machine does. A process that plays the wire
 * or a host has to ask for that: other work on the machine is not to be measured.
 */
import { setPriority } from 'node:os';
import koffi from 'koffi';

const SCHED_RR = 2;
/** Children are scheduled as usual. sched(7). */
const SCHED_RESET_ON_FORK = 0x40000000;
const PRIORITY = 10;
/** The most that setpriority(2) gives. */
const LEAST_NICE = -20;

/** Puts the calling thread before all ordinary ones: for what sleeps between two frames. Where that is refused it is only less nice. */
export function beUrgent(): void {
  const schedule = koffi.load(null).func('int sched_setscheduler(int pid, int policy, int *param)') as (
    pid: number,
    policy: number,
    param: number[],
  ) => number;
  if (schedule(0, SCHED_RR | SCHED_RESET_ON_FORK, [PRIORITY]) < 0) beLessNice();
}

/**
 * Gives the process the largest share of all ordinary ones: for what looks for frames instead of sleeping, which would use up what
 * some kernels allow urgent threads and then cost 50 ms at once.
 */
export function beLessNice(): void {
  setPriority(LEAST_NICE);
}
