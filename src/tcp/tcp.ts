/**
 * TCP: takes datagrams from IP, finds the connection or listener, and hands the segment to the event processing of RFC 9293
 * §3.10.7; offers OPEN and the tables to the socket layer; sends at poll.
 *
 * Read seq, tcb, state, then the arrives-* files, receiver, sender and output.
 */
import { pseudoHeaderSum, sumIsValid } from '../core/checksum.ts';
import type { Context } from '../core/context.ts';
import type { DropReason } from '../core/drop.ts';
import { Errno } from '../core/errno.ts';
import { Checksum } from '../core/frame.ts';
import type { Frame } from '../core/frame.ts';
import { micros } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import { ANY_ADDRESS, isMulticast } from '../ip/address.ts';
import type { IpAddress } from '../ip/address.ts';
import { EcnField } from '../ip/ipv4-wire.ts';
import { IpProtocol } from '../ip/service.ts';
import type { IpErrorReport, IpPacket, IpService, Path, ProtocolHandler } from '../ip/service.ts';
import type { Arrivals } from './arrivals.ts';
import { arrivesClosed } from './arrives-closed.ts';
import { arrivesListen } from './arrives-listen.ts';
import { arrivesOther } from './arrives-other.ts';
import { arrivesSynSent } from './arrives-syn-sent.ts';
import { Throttle } from './challenge.ts';
import { CongestionRegistry } from './congestion/registry.ts';
import type { CongestionFactories } from './congestion/registry.ts';
import { Connection } from './connection.ts';
import { makeDefaultOptions } from './connection-options.ts';
import { Demux } from './demux.ts';
import { prepareOffer } from './handshake.ts';
import { SOURCE_QUENCH, isInFlight, onIcmpError } from './icmp-errors.ts';
import { FastOpenCache } from './fast-open-cache.ts';
import { prepareFastOpen } from './fast-open-client.ts';
import { FastOpenKeys } from './fast-open-server.ts';
import { IsnGenerator } from './isn.ts';
import type { FourTuple } from './isn.ts';
import { Listener } from './listener.ts';
import type { ListenerHost } from './listener.ts';
import { ListenerTable } from './listener-table.ts';
import { onKeepaliveTimeout } from './keepalive.ts';
import { onTimeouts } from './on-timeout.ts';
import { Orphans } from './orphans.ts';
import { Output } from './output.ts';
import type { CookieAnswer } from './output.ts';
import { rest } from './recovery/awake.ts';
import { Segment } from './segment.ts';
import { seqAdd, seqGt } from './seq.ts';
import type { SeqNum } from './seq.ts';
import type { TcpOptions, TcpService } from './service.ts';
import { SynCookies } from './syn-cookies.ts';
import type { Tcb } from './tcb.ts';
import { mayReopen } from './timestamps.ts';
import { Turns } from './turns.ts';
import { destinationPort, sourcePort } from './wire.ts';

/** Text from this length on (octets) comes from a view that its frame keeps; shorter text is of many lengths, and cheap to copy. */
const LONG_TEXT = 512;

export class Tcp implements TcpService, ProtocolHandler, ListenerHost, Arrivals {
  readonly context: Context;
  readonly ip: IpService;
  readonly congestion: CongestionRegistry;
  /** The time as of the last turn. */
  now: Micros = micros(0);
  readonly cookies: SynCookies;
  readonly fastOpenKeys: FastOpenKeys;
  readonly fastOpenCache: FastOpenCache;
  readonly orphans: Orphans;
  readonly #output: Output;
  readonly #isn: IsnGenerator;
  readonly #connections: Demux<Connection>;
  readonly #listeners: ListenerTable<Listener>;
  /** Those in TIME-WAIT, the oldest first. */
  readonly #timeWait = new Set<Connection>();
  readonly #challenges: Throttle;
  readonly #resets: Throttle;
  readonly #segment = new Segment();
  #frame: Frame | undefined = undefined;
  readonly #turns = new Turns<Connection>();

  /**
   * Registers itself with IP. `congestion` are congestion control algorithms besides those built in. Throws a RangeError when
   * config.tcp.congestion names none.
   */
  constructor(context: Context, ip: IpService, congestion?: CongestionFactories) {
    const { random, config } = context;
    this.context = context;
    this.ip = ip;
    this.congestion = new CongestionRegistry(congestion);
    this.congestion.make(config.tcp.congestion, config.tcp, random); // fails now rather than at the first connection
    this.orphans = new Orphans(context);
    this.#output = new Output(context, ip);
    this.#isn = new IsnGenerator(random);
    this.#connections = new Demux(random);
    this.#listeners = new ListenerTable(random);
    this.#challenges = new Throttle(config.tcp.challengeAcksPerSecond, random);
    this.#resets = new Throttle(config.tcp.resetsPerSecond, random);
    this.cookies = new SynCookies(random);
    this.fastOpenKeys = new FastOpenKeys(random, config.tcp.fastOpenKeyLifetime);
    this.fastOpenCache = new FastOpenCache(config.tcp.maxFastOpenCookies);
    ip.register(IpProtocol.Tcp, this);
  }

  // What the socket layer calls.

  /** Active OPEN. RFC 9293 §3.10.1. The SYN goes out at the next poll. */
  connect(
    local: IpAddress,
    localPort: number,
    remote: IpAddress,
    remotePort: number,
    options: TcpOptions,
  ): Connection | number {
    if (isMulticast(remote) || this.ip.isBroadcast(remote)) return -Errno.ENETUNREACH; // MUST-46
    const path = this.ip.route(remote, local, options.boundDevice, options.ipOptions); // MUST-44
    if (typeof path === 'number') return path;
    const before = this.#connections.find(path.source, localPort, path.destination, remotePort);
    if (before !== undefined && !this.#givesWay(before)) return -Errno.EADDRNOTAVAIL;
    before?.end(0);
    const conn = new Connection(this, path, localPort, remotePort, options);
    conn.tcb.handshake!.issAfter = before?.tcb.sndNxt;
    if (!this.add(conn)) return -Errno.ENOBUFS;
    conn.tcb.tsOffset = this.newTimestampOffset(conn.tcb);
    prepareOffer(conn, this.context.config.tcp);
    if (options.fastOpenConnect && this.context.config.tcp.fastOpenClient) {
      prepareFastOpen(conn, this.fastOpenCache, this.now);
    }
    conn.begin('SYN-SENT', this.newIss(conn.tcb, this.now));
    return conn;
  }

  listen(local: IpAddress, port: number, backlog: number, options: TcpOptions): Listener | number {
    const listener = new Listener(this, local, port, backlog, options);
    if (this.#listeners.conflicts(listener)) return -Errno.EADDRINUSE;
    this.#listeners.add(listener);
    return listener;
  }

  isTaken(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): boolean {
    let source = local;
    if (source === ANY_ADDRESS) {
      const path = this.ip.route(remote, local);
      if (typeof path === 'number') return false;
      source = path.source;
    }
    return this.#connections.find(source, localPort, remote, remotePort) !== undefined;
  }

  get congestionControls(): readonly string[] {
    return this.congestion.names;
  }

  defaultOptions(): TcpOptions {
    return makeDefaultOptions(this.context.config.tcp, this.context.config.ip.defaultTtl);
  }

  get pending(): boolean {
    return !this.#turns.isEmpty || this.#output.answersWait;
  }

  /** The last poll has sent as much text as one may: what else there is waits until the shell has looked at what has come in. */
  get isSpent(): boolean {
    return this.#output.share.isSpent;
  }

  poll(now: Micros): void {
    this.now = now;
    this.#output.share.begin();
    this.#output.flushAnswers(now);
    this.#turns.begin(now);
    while (!this.#output.share.isSpent) {
      const conn = this.#turns.take();
      if (conn === undefined) break;
      // The clock of the ISN may have moved on since OPEN, which is not told the time.
      if (conn.state === 'SYN-SENT' && conn.segmentsSent === 0) conn.sender.start(this.newIss(conn.tcb, now));
      if (this.#output.transmit(conn, this.#turns.since, now)) this.mark(conn);
      this.#schedule(conn);
    }
  }

  connections(): Iterable<Connection> {
    return this.#connections.all();
  }

  listeners(): Iterable<Listener> {
    return this.#listeners.all();
  }

  // What IP calls.

  receive(frame: Frame, packet: IpPacket, now: Micros): boolean {
    this.now = now;
    this.#frame = frame;
    if (this.#isWhole(frame, packet)) this.#dispatch(packet, now);
    this.#frame = undefined;
    return true;
  }

  error(report: IpErrorReport, frame: Frame, now: Micros): void {
    this.now = now;
    if (report.type === SOURCE_QUENCH) {
      this.context.drops.drop('tcp-source-quench', frame); // MUST-55, RFC 6633
      return;
    }
    const { bytes, transport } = frame;
    const conn = this.#connections.find(
      report.source,
      sourcePort(bytes, transport),
      report.destination,
      destinationPort(bytes, transport),
    );
    if (conn === undefined || !isInFlight(conn, frame)) this.context.drops.drop('tcp-error-not-in-flight', frame);
    else onIcmpError(conn, report, frame, now);
  }

  // What connections and the event processing call.

  mark(conn: Connection): void {
    this.#turns.add(conn);
  }

  add(conn: Connection): boolean {
    if (this.#connections.size >= this.context.config.tcp.maxConnections || this.context.buffers.exhausted)
      return false;
    this.#connections.add(conn);
    return true;
  }

  gone(conn: Connection): void {
    this.#connections.remove(conn);
    this.#timeWait.delete(conn);
    this.orphans.remove(conn);
    conn.timers.cancel(this.context.timers);
    if (conn.keepalive !== undefined) this.context.timers.cancel(conn.keepalive);
  }

  closedListener(listener: Listener): void {
    this.#listeners.remove(listener);
  }

  /** At the bound the oldest ends early: it has waited longest. */
  enteredTimeWait(conn: Connection): void {
    this.#timeWait.add(conn);
    this.orphans.remove(conn);
    if (this.#timeWait.size <= this.context.config.tcp.maxTimeWait) return;
    for (const oldest of this.#timeWait) {
      this.context.drops.drop('tcp-time-wait-full');
      oldest.end(0);
      return;
    }
  }

  onDeadline(conn: Connection, now: Micros): void {
    this.now = now;
    onTimeouts(conn, now);
    if (conn.state !== 'CLOSED') {
      conn.timers.next();
      rest(conn.sender, now);
      this.#schedule(conn);
    }
  }

  onKeepalive(conn: Connection, now: Micros): void {
    this.now = now;
    onKeepaliveTimeout(conn, now);
  }

  drop(reason: DropReason): void {
    this.context.drops.drop(reason, this.#frame);
  }

  reset(seg: Segment, packet: IpPacket, now: Micros): void {
    if (this.#resets.allow(now)) this.#output.queueReset(seg, packet);
    else this.context.drops.drop('tcp-reset-not-sent');
  }

  challenge(conn: Connection, now: Micros): void {
    if (!this.#challenges.allow(now)) {
      this.context.drops.drop('tcp-answer-throttled');
      return;
    }
    conn.ack.now('challenge ACK');
    this.mark(conn);
  }

  newIss(tcb: Tcb, now: Micros): SeqNum {
    const iss = this.#isn.next(tcb, now);
    const issAfter = tcb.handshake?.issAfter;
    return issAfter !== undefined && seqGt(issAfter, iss) ? seqAdd(issAfter, 1) : iss;
  }

  newTimestampOffset(tuple: FourTuple): number {
    return this.#isn.timestampOffset(tuple);
  }

  sendCookie(seg: Segment, path: Path, answer: CookieAnswer): boolean {
    return this.#output.queueCookie(seg, path, answer);
  }

  /**
   * Differs: RFC 9293 §3.10.1 wants OPEN refused in TIME-WAIT. With timestamps nothing old can be taken for new (RFC 6191 §2 says so of a SYN
   * that arrives), so that a program which names its port need not wait; as Linux (tcp_twsk_unique).
   */
  #givesWay({ state, tcb }: Connection): boolean {
    return state === 'TIME-WAIT' && tcb.timestampsOk && this.context.config.tcp.timestamps;
  }

  /** Header, checksum (MUST-3) and addresses (MUST-57, MUST-63). */
  #isWhole(frame: Frame, packet: IpPacket): boolean {
    const { bytes, start, end } = frame;
    if (!this.#segment.parse(bytes, start, end)) {
      this.drop('tcp-bad-header');
      return false;
    }
    const seg = this.#segment;
    seg.ecn = packet.tos & EcnField.Mask;
    if (seg.textLength >= LONG_TEXT) seg.takeTextFrom(frame.octets(seg.textAt, seg.textLength));
    if (packet.broadcast || isMulticast(packet.source) || this.ip.isBroadcast(packet.source)) {
      this.drop('tcp-broadcast');
      return false;
    }
    // The kernel on this machine leaves the checksum partial, and a link with offload has verified it.
    if (frame.checksum !== Checksum.Full) return true;
    const pseudo = pseudoHeaderSum(packet.source, packet.destination, IpProtocol.Tcp) + frame.length;
    if (sumIsValid(frame.sum(start, frame.length, pseudo))) return true;
    this.drop('tcp-bad-checksum');
    return false;
  }

  #dispatch(packet: IpPacket, now: Micros): void {
    const seg = this.#segment;
    if (seg.options.fault !== undefined) this.drop(seg.options.fault);
    const conn = this.#connections.find(packet.destination, seg.destinationPort, packet.source, seg.sourcePort);
    if (conn === undefined) {
      this.#dispatchUnknown(packet, now, undefined);
      return;
    }
    const { boundDevice } = conn.options;
    // SO_BINDTODEVICE: "only packets received from that particular interface will be processed by the socket". socket(7).
    if (boundDevice !== 0 && boundDevice !== this.ip.arrivalInterface(packet)) {
      arrivesClosed(this, seg, packet, now);
      return;
    }
    if (conn.state === 'TIME-WAIT' && mayReopen(conn.tcb, seg, this.context.config.tcp.timestamps)) {
      const listener = this.#listenerOf(seg, packet);
      if (listener !== undefined) {
        const { sndNxt } = conn.tcb;
        conn.end(0);
        this.#dispatchUnknown(packet, now, sndNxt);
        return;
      }
    }
    conn.segmentsReceived++;
    if (conn.keepalive !== undefined) conn.keepalive.onSegment(now);
    if (conn.state === 'SYN-SENT') arrivesSynSent(this, conn, seg, packet, now);
    else arrivesOther(this, conn, seg, packet, now);
    this.#schedule(conn);
  }

  #dispatchUnknown(packet: IpPacket, now: Micros, beyond: SeqNum | undefined): void {
    const seg = this.#segment;
    const listener = this.#listenerOf(seg, packet);
    if (listener === undefined) arrivesClosed(this, seg, packet, now);
    else arrivesListen(this, listener, seg, packet, now, beyond);
  }

  #listenerOf({ destinationPort, sourcePort }: Segment, packet: IpPacket): Listener | undefined {
    const { source, destination } = packet;
    return this.#listeners.find(destination, destinationPort, source, sourcePort, this.ip.arrivalInterface(packet));
  }

  #schedule(conn: Connection): void {
    if (conn.state !== 'CLOSED') conn.timers.schedule(this.context.timers);
  }
}
