/**
 * The options of a connection: what a new one starts with, and what setsockopt may set.
 */
import type { TcpConfig } from '../core/config.ts';
import type { Context } from '../core/context.ts';
import { Errno } from '../core/errno.ts';
import { changed } from '../core/shared-records.ts';
import { NO_OPTIONS } from '../ip/send-options.ts';
import type { IpService, Path } from '../ip/service.ts';
import type { AckPolicy } from './ack-policy.ts';
import type { CongestionControl } from './congestion/control.ts';
import type { CongestionRegistry } from './congestion/registry.ts';
import { corkOf } from './cork.ts';
import { Pacing } from './pacing.ts';
import type { Keepalive } from './probes.ts';
import { changesSendSpace, hasSendSpace } from './readiness.ts';
import type { Receiver } from './receiver.ts';
import type { Sender } from './sender.ts';
import { Wake } from './service.ts';
import type { TcpOptions } from './service.ts';
import { Timer } from './timers.ts';
import type { Timers } from './timers.ts';
import { MAX_ADVERTISED, MIN_ADVERTISED, applyUserTimeout } from './user-timeout.ts';
import type { UserTimeoutOption } from './user-timeout.ts';

/** What the options are measured against. */
interface OptionsHost {
  readonly context: Context;
  readonly congestion: CongestionRegistry;
}

/** The parts of a connection that options change. */
interface Optional {
  readonly options: Readonly<TcpOptions>;
  readonly sender: Sender;
  readonly receiver: Receiver;
  readonly ack: AckPolicy;
  readonly timers: Timers;
  userTimeoutOption: UserTimeoutOption | undefined;
}

/** Least and greatest TCP_MAXSEG besides 0. Linux TCP_MIN_MSS, MAX_TCP_WINDOW. */
const MIN_MAX_SEGMENT = 88;
const MAX_MAX_SEGMENT = 32767;
/** Most unanswered keep-alive probes and SYN retransmissions. Linux MAX_TCP_KEEPCNT, MAX_TCP_SYNCNT. */
const MAX_PROBES = 127;
/** Most timeouts that TCP_DEFER_ACCEPT waits for. Linux: an octet. */
const MAX_DEFER_ACCEPT = 255;
/** Greatest buffer (octets), half of the largest int: SO_SNDBUFFORCE goes beyond config.tcp.maxBuffer, but not beyond this. */
const MAX_BUFFER = 0x3fff_ffff;
/** FIN-WAIT-2 lasts at most this long (us). Linux TCP_FIN_TIMEOUT_MAX. */
const MAX_FIN_WAIT2 = 120_000_000;

export function makeDefaultOptions(config: TcpConfig, ttl: number): TcpOptions {
  return {
    noDelay: false,
    cork: false,
    notsentLowat: 0,
    quickAck: undefined,
    maxSegment: 0,
    ipOptions: NO_OPTIONS,
    userTimeout: 0,
    advertisedUserTimeout: config.advertisedUserTimeout,
    keepalive: false, // MUST-25
    keepaliveIdle: config.keepaliveIdle,
    keepaliveInterval: config.keepaliveInterval,
    keepaliveProbes: config.keepaliveProbes,
    synRetries: undefined,
    sendBuffer: config.sendBuffer,
    receiveBuffer: config.receiveBuffer,
    tuneSend: config.tuneBuffers,
    tuneReceive: config.tuneBuffers,
    windowClamp: 0,
    ttl,
    tos: 0,
    receiveErrors: false,
    linger: undefined,
    finWait2Timeout: config.finWait2Timeout,
    receiveLowWater: 1,
    reusePort: false,
    boundDevice: 0,
    deferAccept: 0,
    oobInline: false,
    fastOpen: 0,
    fastOpenConnect: false,
    congestion: config.congestion,
    maxPacingRate: Infinity,
  };
}

/** Sets the sizes of both buffers. Those that tune themselves start small, and keep what they have grown to. */
function sizeBuffers(sender: Sender, receiver: Receiver, options: Readonly<TcpOptions>, config: TcpConfig): void {
  const { sendBuffer, receiveBuffer, tuneSend, tuneReceive } = options;
  const { ring } = sender;
  ring.limit = Math.min(sendBuffer, Math.max(tuneSend ? config.initialSendBuffer : sendBuffer, ring.limit));
  // SO_RCVLOWAT has to fit into the buffer.
  const start = Math.max(config.initialReceiveBuffer, options.receiveLowWater);
  receiver.window.setBuffer(receiveBuffer, tuneReceive ? start : receiveBuffer);
  receiver.window.clamp = options.windowClamp;
}

/** The options once a connection is there: a bound on the window that the buffer keeps by itself counts no more. Linux tcp_init_buffer_space. */
export function withoutIdleClamp(options: Readonly<TcpOptions>, { ring, window }: Receiver): Readonly<TcpOptions> {
  if (options.windowClamp < ring.limit) return options;
  window.clamp = 0;
  return changed(options, { windowClamp: 0 });
}

/** Ranges of the numbers: least, greatest. */
const range = (value: number, least: number, greatest: number): boolean =>
  Number.isFinite(value) && value >= least && value <= greatest;

/** 0 when every value given is one that the option can take, else what setsockopt answers: -EINVAL, or -ENOENT for a name. */
export function checkOptions(changes: Partial<TcpOptions>, host: OptionsHost): number {
  if (!numbersAreValid(changes)) return -Errno.EINVAL;
  return changes.congestion === undefined || host.congestion.has(changes.congestion) ? 0 : -Errno.ENOENT;
}

/** The congestion control that the options name. */
export const makeControl = (options: Readonly<TcpOptions>, host: OptionsHost): CongestionControl =>
  host.congestion.make(options.congestion, host.context.config.tcp, host.context.random);

function numbersAreValid(changes: Partial<TcpOptions>): boolean {
  const { advertisedUserTimeout: advertised } = changes;
  const { maxSegment, userTimeout, keepaliveIdle, keepaliveInterval, keepaliveProbes } = changes;
  const {
    synRetries,
    sendBuffer,
    receiveBuffer,
    windowClamp,
    receiveLowWater,
    deferAccept,
    ttl,
    tos,
    linger,
    finWait2Timeout,
    maxPacingRate,
    notsentLowat,
  } = changes;
  return (
    (maxSegment === undefined || maxSegment === 0 || range(maxSegment, MIN_MAX_SEGMENT, MAX_MAX_SEGMENT)) &&
    (userTimeout === undefined || userTimeout >= 0) && // MUST-21: infinity included
    (keepaliveIdle === undefined || range(keepaliveIdle, 1, Number.MAX_SAFE_INTEGER)) &&
    (keepaliveInterval === undefined || range(keepaliveInterval, 1, Number.MAX_SAFE_INTEGER)) &&
    (keepaliveProbes === undefined || range(keepaliveProbes, 1, MAX_PROBES)) &&
    (synRetries === undefined || range(synRetries, 0, MAX_PROBES)) &&
    (sendBuffer === undefined || range(sendBuffer, 1, MAX_BUFFER)) &&
    (receiveBuffer === undefined || range(receiveBuffer, 1, MAX_BUFFER)) &&
    (windowClamp === undefined || range(windowClamp, 0, 0x7fff_ffff)) &&
    (receiveLowWater === undefined || range(receiveLowWater, 1, 0x7fff_ffff)) &&
    (deferAccept === undefined || range(deferAccept, 0, MAX_DEFER_ACCEPT)) &&
    (ttl === undefined || range(ttl, 1, 255)) &&
    (tos === undefined || range(tos, 0, 255)) &&
    (linger === undefined || linger >= 0) &&
    (advertised === undefined || advertised === 0 || range(advertised, MIN_ADVERTISED, MAX_ADVERTISED)) &&
    (notsentLowat === undefined || notsentLowat >= 0) &&
    (maxPacingRate === undefined || maxPacingRate >= 0) &&
    (finWait2Timeout === undefined || range(finWait2Timeout, 0, MAX_FIN_WAIT2))
  );
}

/** Hands the options to the parts of a connection that go by them. */
export function applyOptions(conn: Optional, config: TcpConfig): void {
  const { options, sender, receiver, ack } = conn;
  sender.noDelay = options.noDelay;
  setCork(sender, options);
  applyUserTimeout(conn, config);
  sender.pacing = Pacing.of(config.pacing, options.maxPacingRate);
  receiver.urgentInline = options.oobInline;
  receiver.lowWater = options.receiveLowWater;
  sizeBuffers(sender, receiver, options, config);
  ack.quickAck = options.quickAck;
}

/** What a change of options touches besides. */
interface Changing extends Optional {
  path: Path;
  readonly keepalive: Keepalive | undefined;
  readonly host: OptionsHost & { readonly ip: IpService };
  refreshSegmentSize(): void;
  notify(wake: number): void;
}

/** What is more than a number to go by. Timers that run with one that has changed are cleared: settleTimers starts them with the new one. */
export function takeChanges(conn: Changing, before: Readonly<TcpOptions>, changes: Partial<TcpOptions>): void {
  const { timers, options, sender, receiver, host } = conn;
  if (options.userTimeout !== before.userTimeout) timers.clear(Timer.User);
  if (options.keepaliveIdle !== before.keepaliveIdle || options.keepaliveInterval !== before.keepaliveInterval) {
    if (conn.keepalive !== undefined) host.context.timers.cancel(conn.keepalive);
  }
  if (options.ipOptions !== before.ipOptions || options.boundDevice !== before.boundDevice) takePath(conn);
  if (options.congestion !== before.congestion) sender.setControl(makeControl(options, host));
  if (changes.noDelay === true && sender.ring.length > 0) corkOf(sender).push(sender.textEnd);
  applyOptions(conn, host.context.config.tcp);
  if (changes.quickAck === true) conn.ack.hurry();
  // Linux sk_stream_write_space, tcp_set_rcvlowat.
  if (changesSendSpace(changes) && hasSendSpace(sender)) conn.notify(Wake.Write);
  if (changes.receiveLowWater !== undefined && receiver.isWorthReading) conn.notify(Wake.Read);
}

function setCork(sender: Sender, { cork: on, notsentLowat }: Readonly<TcpOptions>): void {
  if (sender.cork === undefined && !on && notsentLowat === 0) return;
  const cork = corkOf(sender);
  cork.on = on;
  cork.lowWater = notsentLowat === 0 ? Infinity : notsentLowat;
}

/** Segments leave by the interface named now, and take the IP options along; less text the longer those are. RFC 9293 §3.7.1, MUST-16. */
function takePath(conn: Changing): void {
  const { destination, source } = conn.path;
  const { boundDevice, ipOptions } = conn.options;
  const path = conn.host.ip.route(destination, source, boundDevice, ipOptions);
  // Without a route just now, the connection keeps the path that it has: it may come back.
  if (typeof path !== 'number') conn.path = path;
  conn.refreshSegmentSize();
}
