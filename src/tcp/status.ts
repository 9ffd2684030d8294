/**
 * STATUS: what a connection looks like from outside, as plain data. RFC 9293 §3.10.6, §3.9.1.5.
 */
import type { Micros } from '../core/time.ts';
import { formatAddress } from '../ip/address.ts';
import type { Ecn } from './ecn.ts';
import type { FastOpen } from './fast-open.ts';
import type { Receiver } from './receiver.ts';
import type { Sender } from './sender.ts';
import type { TcpInfo, TcpOptions } from './service.ts';
import { DEFAULT_MSS } from './tcb.ts';
import type { Tcb } from './tcb.ts';
import type { UserTimeoutOption } from './user-timeout.ts';

/** What of a connection it asks. */
interface Observed {
  readonly tcb: Tcb;
  readonly sender: Sender;
  readonly receiver: Receiver;
  readonly ecn: Ecn | undefined;
  readonly userTimeoutOption: UserTimeoutOption | undefined;
  readonly fastOpen: FastOpen | undefined;
  readonly segmentsSent: number;
  readonly segmentsReceived: number;
  readonly host: { readonly now: Micros };
}

export function statusOf(conn: Observed): TcpInfo {
  const { tcb, sender, receiver, ecn, segmentsSent, segmentsReceived } = conn;
  const { lossSigns } = sender;
  const { counters } = sender.recovery;
  const { deliveryRate, limits, busyBefore } = sender.feed;
  const pacingRate = sender.pacing.rate(sender);
  const { now } = conn.host;
  return {
    state: tcb.state,
    local: `${formatAddress(tcb.localAddress)}:${tcb.localPort}`,
    remote: `${formatAddress(tcb.remoteAddress)}:${tcb.remotePort}`,
    mss: sender.smss,
    srtt: sender.rto.srtt,
    rttvar: sender.rto.rttvar,
    rto: sender.rto.value,
    congestion: sender.control.name,
    cwnd: Math.max(sender.control.cwnd + sender.recovery.inflation, 0),
    ssthresh: sender.control.ssthresh,
    pacingRate: pacingRate === Infinity ? undefined : pacingRate,
    deliveryRate: deliveryRate === 0 ? undefined : deliveryRate,
    limitedBy: limits?.current ?? 'app',
    busyTime: limits?.busy(now) ?? busyBefore,
    rwndLimited: limits?.rwndLimited(now) ?? 0,
    sndbufLimited: limits?.sndbufLimited(now) ?? 0,
    flightSize: sender.flightSize,
    sndWnd: tcb.sndWnd,
    rcvWnd: tcb.rcvWnd,
    sndWindShift: tcb.sndWindShift,
    rcvWindShift: tcb.rcvWindShift,
    timestamps: tcb.timestampsOk,
    fastOpen: conn.fastOpen?.status ?? 'none',
    ecn: ecn?.agreed ?? false,
    marksReceived: ecn?.marksReceived ?? 0,
    echoesReceived: ecn?.echoesReceived ?? 0,
    ecnReductions: ecn?.reductions ?? 0,
    bytesSent: sender.bytesSent,
    bytesAcked: sender.bytesAcked,
    bytesReceived: receiver.bytesReceived,
    segmentsSent,
    segmentsReceived,
    retransmissions: lossSigns?.retransmissions ?? 0,
    bytesRetransmitted: lossSigns?.bytesRetransmitted ?? 0,
    recovery: sender.recovery.name,
    bytesLost: counters.bytesLost,
    bytesSacked: counters.bytesSacked,
    reorderings: counters.reorderings,
    duplicatesReported: counters.duplicatesReported,
    lossProbes: counters.lossProbes,
    recoveriesUndone: counters.undone,
    timeouts: sender.timeouts,
    duplicateAcks: lossSigns?.duplicateAcks ?? 0,
    unread: receiver.ring.length,
    unsent: sender.ring.length,
    userTimeout: sender.userTimeout,
    remoteUserTimeout: conn.userTimeoutOption?.remote ?? 0,
    urgentAhead: receiver.urgentAhead,
    sendBuffer: sender.ring.limit,
    receiveBuffer: receiver.ring.limit,
    windowClamp: receiver.window.clamp,
    memory: sender.ring.allocated + receiver.ring.allocated,
  };
}

/** The same where there is no connection: as Linux, TCP_INFO of a socket that is not connected is no error. */
export function idleStatus(state: 'CLOSED' | 'LISTEN', local: string, options: Readonly<TcpOptions>): TcpInfo {
  return {
    state,
    local,
    remote: '0.0.0.0:0',
    mss: options.maxSegment === 0 ? DEFAULT_MSS : options.maxSegment,
    srtt: undefined,
    rttvar: undefined,
    congestion: options.congestion,
    pacingRate: undefined,
    deliveryRate: undefined,
    limitedBy: 'app',
    timestamps: false,
    fastOpen: 'none',
    ecn: false,
    recovery: 'newreno',
    userTimeout: options.userTimeout,
    sendBuffer: options.sendBuffer,
    receiveBuffer: options.receiveBuffer,
    windowClamp: options.windowClamp,
    ...NOTHING,
  };
}

/** What there is none of without a connection. */
const NOTHING = {
  rto: 0,
  cwnd: 0,
  ssthresh: 0,
  busyTime: 0,
  rwndLimited: 0,
  sndbufLimited: 0,
  flightSize: 0,
  sndWnd: 0,
  rcvWnd: 0,
  sndWindShift: 0,
  rcvWindShift: 0,
  marksReceived: 0,
  echoesReceived: 0,
  ecnReductions: 0,
  bytesSent: 0,
  bytesAcked: 0,
  bytesReceived: 0,
  segmentsSent: 0,
  segmentsReceived: 0,
  retransmissions: 0,
  bytesRetransmitted: 0,
  bytesLost: 0,
  bytesSacked: 0,
  reorderings: 0,
  duplicatesReported: 0,
  lossProbes: 0,
  recoveriesUndone: 0,
  timeouts: 0,
  duplicateAcks: 0,
  unread: 0,
  unsent: 0,
  remoteUserTimeout: 0,
  urgentAhead: 0,
  memory: 0,
} as const;
