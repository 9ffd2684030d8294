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

/** Puts the calling thread before all ordinary ones. Where that is refused it only becomes less nice than they are. */
export function beUrgent(): void {
  const schedule = koffi.load(null).func('int sched_setscheduler(int pid, int policy, int *param)') as (
    pid: number,
    policy: number,
    param: number[],
  ) => number;
  if (schedule(0, SCHED_RR | SCHED_RESET_ON_FORK, [PRIORITY]) < 0) setPriority(BARELY_NICE);
}

const BARELY_NICE = -15;
