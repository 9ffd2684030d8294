/**
 * The User Timeout option: tells the peer how long this end waits for an acknowledgment, and lets its word lengthen that. RFC 5482; names
 * are its own. There is no such record unless TcpOptions.advertisedUserTimeout is set: that is ENABLED, with ADV_UTO.
 *
 * An option goes with every SYN, with the first segment after it and the first after a change, if its header has room (§3). It is not
 * sent again when that is lost (§3.2 leaves that open).
 */
import type { TcpConfig } from '../core/config.ts';
import { MINUTE, SECOND } from '../core/time.ts';
import { MAX_OPTIONS_LENGTH, USER_TIMEOUT_LENGTH, optionsLength } from './options.ts';
import type { SegmentOptions } from './options.ts';
import type { Rto } from './rto.ts';
import type { Segment } from './segment.ts';
import type { TcpOptions } from './service.ts';
import { Timer } from './timers.ts';
import type { Timers } from './timers.ts';

/** Most units that the 15 bits tell, and the bit for minutes instead of seconds. §3.3. */
const MOST_UNITS = 0x7fff;
const GRANULARITY = 0x8000;
/** Least and greatest ADV_UTO (us). §3.1: from 1 second to over 22 days. */
export const MIN_ADVERTISED = 1 * SECOND;
export const MAX_ADVERTISED = MOST_UNITS * MINUTE;

/** The field for a time (us): seconds where they suffice, else minutes; rounded up, never the reserved zero (§3.4). */
export function encodeUserTimeout(time: number): number {
  const seconds = Math.max(1, Math.ceil(time / SECOND));
  return seconds <= MOST_UNITS ? seconds : GRANULARITY | Math.min(Math.ceil(time / MINUTE), MOST_UNITS);
}

/** The time (us) that a field tells. */
export const decodeUserTimeout = (field: number): number =>
  (field & MOST_UNITS) * ((field & GRANULARITY) === 0 ? SECOND : MINUTE);

export class UserTimeoutOption {
  /** ADV_UTO (us). */
  readonly advertised: number;
  /** REMOTE_UTO (us), 0 before one came. */
  remote: number;
  /** The option is to go with the next segment. */
  owed = true;

  constructor(advertised: number, remote: number) {
    this.advertised = advertised;
    this.remote = remote;
  }

  /** Adds the option when it is owed, or to a SYN, and fits beside the others and into `room` octets. Returns how many it takes. */
  add(options: SegmentOptions, syn: boolean, room: number): number {
    const fits = room >= USER_TIMEOUT_LENGTH && optionsLength(options) + USER_TIMEOUT_LENGTH <= MAX_OPTIONS_LENGTH;
    if (!fits || (!syn && !this.owed)) return 0;
    options.userTimeout = encodeUserTimeout(this.advertised);
    if (!syn) this.owed = false;
    return USER_TIMEOUT_LENGTH;
  }
}

/** What of a connection the time-out concerns. */
interface TimedConnection {
  readonly options: Readonly<TcpOptions>;
  readonly sender: { userTimeout: number; readonly rto: Rto };
  readonly timers: Timers;
  userTimeoutOption: UserTimeoutOption | undefined;
}

/** The options have changed, or are new: ENABLED and ADV_UTO follow them. */
export function applyUserTimeout(conn: TimedConnection, config: TcpConfig): void {
  const { options, sender, userTimeoutOption: before } = conn;
  sender.userTimeout = options.userTimeout === Infinity ? 0 : options.userTimeout;
  const advertised = options.advertisedUserTimeout;
  if (advertised === 0) conn.userTimeoutOption = undefined;
  else if (before?.advertised !== advertised) {
    conn.userTimeoutOption = new UserTimeoutOption(advertised, before?.remote ?? 0);
  }
  adoptUserTimeout(conn, config);
}

/**
 * USER_TIMEOUT = min(U_LIMIT, max(ADV_UTO, REMOTE_UTO, L_LIMIT)), L_LIMIT above the RTO. §3.1. Not where the program has set the time
 * itself: CHANGEABLE is false then.
 */
export function adoptUserTimeout(conn: TimedConnection, config: TcpConfig): void {
  const { options, sender, timers, userTimeoutOption: own } = conn;
  if (own === undefined || own.remote === 0 || options.userTimeout !== 0) return;
  const least = Math.max(config.userTimeoutMin, sender.rto.value + SECOND);
  const adopted = Math.min(config.userTimeoutMax, Math.max(own.advertised, own.remote, least));
  if (adopted === sender.userTimeout) return;
  sender.userTimeout = adopted;
  timers.clear(Timer.User); // settleTimers starts it with the new time
}

/** Takes REMOTE_UTO from a segment that has the option. Returns whether it had. */
export function noteUserTimeout(conn: TimedConnection, seg: Segment): boolean {
  if (seg.options.userTimeout < 0 || conn.userTimeoutOption === undefined) return false;
  conn.userTimeoutOption.remote = decodeUserTimeout(seg.options.userTimeout);
  return true;
}
