/**
 * STATUS: what a connection looks like from outside, as plain data. RFC 9293 §3.10.6, §3.9.1.5.
 */
import type { Micros } from '../core/time.ts';
import { formatAddress } from '../ip/address.ts';
import type { Ecn } from './ecn.ts';
import type { FastOpen } from './fast-open.ts';
import type { Receiver } from './receiver.ts';
import type { Sender } from './sender.ts';
import type { TcpInfo } from './service.ts';
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
  const { counters } = sender.recovery;
  const { deliveryRate, limits } = sender.feed;
  const pacingRate = sender.pacer.rate(sender);
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
    busyTime: limits?.busy(now) ?? 0,
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
    retransmissions: sender.retransmissions,
    bytesRetransmitted: sender.bytesRetransmitted,
    recovery: sender.recovery.name,
    bytesLost: counters.bytesLost,
    bytesSacked: counters.bytesSacked,
    reorderings: counters.reorderings,
    duplicatesReported: counters.duplicatesReported,
    lossProbes: counters.lossProbes,
    recoveriesUndone: counters.undone,
    timeouts: sender.timeouts,
    duplicateAcks: sender.duplicateAcks,
    unread: receiver.ring.length,
    unsent: sender.ring.length,
    userTimeout: sender.userTimeout,
    remoteUserTimeout: conn.userTimeoutOption?.remote ?? 0,
    urgentAhead: receiver.urgentAhead,
    sendBuffer: sender.ring.limit,
    receiveBuffer: receiver.ring.limit,
    memory: sender.ring.allocated + receiver.ring.allocated,
  };
}
