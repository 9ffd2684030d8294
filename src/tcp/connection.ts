/**
 * A connection: the record that ties sender, receiver, ACK policy and timers together, and the user's calls on it in the order
 * of RFC 9293 §3.10.1 to §3.10.6. Segments come in through arrives-*.ts, timers through on-timeout.ts, and everything goes out
 * through output.ts: nothing is sent here, a call marks the connection for the next poll.
 */
import { Errno } from '../core/errno.ts';
import { changed } from '../core/shared-records.ts';
import { after } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import type { IpAddress } from '../ip/address.ts';
import type { Path } from '../ip/service.ts';
import { AckPolicy } from './ack-policy.ts';
import type { ConnectionHost, ConnectionParent } from './connection-host.ts';
import { applyOptions, checkOptions, makeControl, takeChanges, withoutIdleClamp } from './connection-options.ts';
import { corkOf } from './cork.ts';
import type { DemuxEntry } from './demux.ts';
import type { Ecn } from './ecn.ts';
import type { FastOpen } from './fast-open.ts';
import type { Keepalive, KeepaliveOwner } from './probes.ts';
import { nothingToRead, readUrgent } from './reading.ts';
import { hasSendSpace, readinessOf, sendAllowance } from './readiness.ts';
import { Receiver } from './receiver.ts';
import { Rto } from './rto.ts';
import { moderateSendBuffer, tuneSendBuffer } from './send-tuning.ts';
import { effectiveMss, largestPayload } from './segment-size.ts';
import { Sender } from './sender.ts';
import { Wake } from './service.ts';
import type { ConnectionOwner, PortHolder, TcpConnection, TcpInfo, TcpOptions, TcpState } from './service.ts';
import { isClosingDown, isSynchronized, mayFollow, maySend, owesReset, whyNotSend } from './state.ts';
import { statusOf } from './status.ts';
import type { SeqNum } from './seq.ts';
import { seqText } from './seq.ts';
import { Tcb } from './tcb.ts';
import { Timer, Timers } from './timers.ts';
import type { TimersOwner } from './timers.ts';
import { adoptUserTimeout } from './user-timeout.ts';
import type { UserTimeoutOption } from './user-timeout.ts';

export class Connection implements TcpConnection, TimersOwner, KeepaliveOwner, DemuxEntry<Connection> {
  readonly tcb: Tcb;
  path: Path;
  readonly timers: Timers;
  readonly sender: Sender;
  readonly receiver: Receiver;
  readonly ack: AckPolicy;
  readonly host: ConnectionHost<Connection>;
  options: Readonly<TcpOptions>;
  owner: ConnectionOwner | undefined = undefined;
  parent: ConnectionParent<Connection> | undefined = undefined;
  nextInChain: Connection | undefined = undefined;
  /** Explicit congestion notification; undefined where an end does not want it. */
  ecn: Ecn | undefined = undefined;
  /** The User Timeout option, where it is in use. */
  userTimeoutOption: UserTimeoutOption | undefined = undefined;
  /** In the list of those that poll looks at. */
  marked = false;
  /** The program has called close: nobody reads any more. */
  closed = false;
  /** ABORT: a RST is to be sent at the next poll. RFC 9293 §3.10.5. */
  resetOwed = false;
  /** There once SO_KEEPALIVE is on. */
  keepalive: Keepalive | undefined = undefined;
  /** When the last answer to an invalid segment went. */
  invalidAckAt: Micros | undefined = undefined;
  /** What an ICMP error told that did not end the connection (positive errno, 0 for none). RFC 9293 §3.9.2.2. */
  softError = 0;
  segmentsSent = 0;
  segmentsReceived = 0;
  /** Pending: what ended the connection, or with IP_RECVERR what ICMP said of it. A positive errno, or 0. */
  error = 0;
  #receiveShut = false;
  #portHolder: PortHolder | undefined = undefined;

  constructor(
    host: ConnectionHost<Connection>,
    path: Path,
    localPort: number,
    remotePort: number,
    options: Readonly<TcpOptions>,
  ) {
    const { config } = host.context;
    this.host = host;
    this.path = path;
    this.options = options;
    this.tcb = new Tcb(path.source, localPort, path.destination, remotePort);
    this.timers = new Timers(this);
    this.sender = new Sender(
      this.tcb,
      this.timers,
      new Rto(config.tcp),
      makeControl(options, host),
      0, // sized with the options
      host.context.buffers,
    );
    this.receiver = new Receiver(this.tcb, 0, host.context);
    this.ack = new AckPolicy(this.tcb, this.timers, config.tcp);
    applyOptions(this, config.tcp);
  }

  get localAddress(): IpAddress {
    return this.tcb.localAddress;
  }
  get localPort(): number {
    return this.tcb.localPort;
  }
  get remoteAddress(): IpAddress {
    return this.tcb.remoteAddress;
  }
  get remotePort(): number {
    return this.tcb.remotePort;
  }
  get state(): TcpState {
    return this.tcb.state;
  }
  /** There is one when a program asked for fast open, or a SYN for a cookie. RFC 7413. */
  get fastOpen(): FastOpen | undefined {
    return this.sender.fastOpen;
  }
  /** ESTABLISHED was reached once, or text of the SYN was taken. */
  get wasEstablished(): boolean {
    return this.tcb.handshake === undefined || this.fastOpen?.served === true;
  }
  get deferred(): boolean {
    return this.fastOpen?.deferred === true && this.state === 'SYN-SENT';
  }
  get unread(): number {
    return this.receiver.ring.length;
  }
  get unsent(): number {
    return this.sender.ring.length;
  }

  /** Set after the connection has gone already (accepted too late), it is called at once. */
  set portHolder(holder: PortHolder | undefined) {
    this.#portHolder = holder;
    if (this.state === 'CLOSED') this.freePort();
  }
  get portHolder(): PortHolder | undefined {
    return this.#portHolder;
  }

  // §3.10.1 OPEN is tcp.ts's connect and listen. Here: the calls on a connection.

  /** SEND. §3.10.2. */
  send(bytes: Uint8Array, at: number, length: number, more = false): number {
    if (this.error !== 0) return -this.takeError();
    const { state, sender, fastOpen } = this;
    const early = fastOpen?.takesText(state, sender.finQueued) === true;
    if (!early && !maySend(state)) return whyNotSend(state, sender.finQueued);
    const allowed = sendAllowance(sender, length);
    const taken = early
      ? fastOpen.write(state, sender.ring, bytes, at, allowed)
      : sender.ring.write(bytes, at, allowed);
    sender.refused = taken < allowed;
    if (!early && taken < allowed && sender.ring.free > 0) moderateSendBuffer(sender.ring);
    if (taken === 0) return length === 0 ? 0 : -Errno.EAGAIN;
    if (more || sender.cork !== undefined) corkOf(sender).more = more;
    this.host.mark(this);
    return taken;
  }

  /** SEND with the URGENT flag. §3.10.2, §3.8.5. */
  sendUrgent(bytes: Uint8Array, at: number, length: number): number {
    const taken = this.send(bytes, at, length);
    // Only when all was taken is the last octet the urgent one.
    if (taken > 0 && taken === length) this.sender.markUrgent();
    return taken;
  }

  /** RECEIVE. §3.10.3. What was received before an error is still handed out, as on Linux, and so is the end of the stream, each time. */
  receive(into: Uint8Array, at: number, length: number, peek = false, from = 0): number {
    if (this.receiver.ring.length > 0) {
      const count = this.receiver.read(into, at, length, peek, from);
      const due = this.receiver.ring.length === 0 && this.ack.onAllRead();
      if (!peek && (this.receiver.opensWindow(this.host.now) || due) && isSynchronized(this.state))
        this.host.mark(this);
      if (count > 0 || length === 0) return count;
    }
    if (this.receiver.ended) return 0;
    if (this.error !== 0) return -this.takeError();
    return this.#receiveShut ? 0 : nothingToRead(this.state, this.wasEstablished);
  }

  receiveUrgent(into: Uint8Array, at: number, length: number, peek = false): number {
    return readUrgent(this.receiver, this.state, this.#receiveShut, into, at, length, peek);
  }

  get atMark(): boolean {
    return this.receiver.atMark;
  }

  /** CLOSE of the sending direction. §3.10.4. */
  shutdownSend(): number {
    switch (this.state) {
      case 'CLOSED':
      case 'LISTEN':
        return -Errno.ENOTCONN;
      case 'SYN-SENT':
        if (this.sender.ring.length === 0) this.end(0);
        else this.sender.finQueued = true; // after the text that went with the SYN (RFC 7413)
        return 0;
      case 'SYN-RECEIVED':
        this.sender.finQueued = true; // goes on in `established`
        return 0;
      case 'ESTABLISHED':
      case 'CLOSE-WAIT':
        this.sender.finQueued = true;
        this.setState(this.state === 'ESTABLISHED' ? 'FIN-WAIT-1' : 'LAST-ACK');
        this.host.mark(this);
        return 0;
      default:
        return 0; // a second CLOSE is fine and sends no second FIN
    }
  }

  /** From now on there is an end to be read behind what has come. As on Linux, text that comes all the same can be read. */
  shutdownReceive(): number {
    if (this.state === 'CLOSED' || this.state === 'LISTEN') return -Errno.ENOTCONN;
    this.#receiveShut = true;
    return 0;
  }

  shutEarly(receive: boolean, send: boolean): void {
    this.#receiveShut = receive;
    this.tcb.handshake!.sendShut = send;
  }

  /** Both directions were shut down, or all is closed: what comes now is lost, which a RST tells the peer. SHLD-3. */
  get refusesText(): boolean {
    return this.closed || (this.#receiveShut && this.sender.finQueued);
  }

  /** CLOSE by a program that will not come back: also no reader is left. §3.10.4, §3.6.1. */
  close(): void {
    this.owner = undefined;
    this.closed = true;
    if (this.state === 'CLOSED') {
      this.receiver.ring.clear();
      return;
    }
    // SHLD-3: data that nobody read is lost, which a RST tells the peer, unless both directions are over anyway.
    if (this.options.linger === 0 || (this.receiver.ring.length > 0 && !isClosingDown(this.state))) {
      this.abort();
      return;
    }
    this.receiver.ring.discard(this.receiver.ring.length);
    this.shutdownSend();
    this.host.mark(this); // FIN-WAIT-2 gets its limit at the next poll
    this.host.orphans.add(this);
  }

  /** ABORT. §3.10.5: a RST in the states named there, and the end in all. */
  abort(): void {
    this.abortWith(Errno.ECONNABORTED);
  }

  /** The same with the error that the program is to see. */
  abortWith(error: number): void {
    if (this.state === 'CLOSED') return;
    this.resetOwed = owesReset(this.state);
    if (this.resetOwed) this.host.mark(this);
    this.receiver.ring.clear();
    this.end(error);
  }

  /** STATUS. §3.10.6. */
  info(): TcpInfo {
    return statusOf(this);
  }

  /** A hard error if one is pending, else a soft one that an ICMP message left behind. SHLD-25, MUST-47. */
  takeError(): number {
    const error = this.error === 0 ? this.softError : this.error;
    if (this.error === 0) this.softError = 0;
    else this.error = 0;
    return error;
  }

  setOptions(changes: Partial<TcpOptions>): number {
    const result = checkOptions(changes, this.host);
    if (result < 0) return result;
    const before = this.options;
    this.options = changed(before, changes);
    takeChanges(this, before, changes);
    if (this.state !== 'CLOSED') this.host.mark(this);
    return 0;
  }

  /** What poll(2) would say. */
  readiness(): number {
    return readinessOf(this.state, this.sender, this.receiver, this.error !== 0, this.#receiveShut, this.fastOpen);
  }

  // What the event processing asks of the record.

  /** Tells the owner that readiness may have changed. */
  notify(wake?: number): void {
    if (this.owner !== undefined) this.owner.onReadiness(wake);
  }

  /** Moves along an edge of RFC 9293's Figure 5; any other edge is a bug and throws. */
  setState(to: TcpState): void {
    const { tcb } = this;
    const from = tcb.state;
    if (!mayFollow(from, to)) throw new Error(`no way from ${from} to ${to}`);
    tcb.state = to;
    const { trace } = this.host.context;
    if (trace.enabled) {
      const { local, remote } = this.info();
      trace.emit(this.host.now, 'tcp', 'state', { local, remote, from, to, sndNxt: seqText(tcb.sndNxt) });
    }
  }

  /** Enters SYN-SENT or SYN-RECEIVED with an initial sequence number; `gone`: a SYN,ACK with a cookie has told it. */
  begin(state: 'SYN-SENT' | 'SYN-RECEIVED', iss: SeqNum, gone = false): void {
    this.sender.start(iss, gone);
    this.setState(state);
    this.host.mark(this);
  }

  /** An ACK was taken while the program waits for room to send. */
  offerRoom(): void {
    tuneSendBuffer(this.sender, this.options, this.host.context);
    if (hasSendSpace(this.sender)) this.notify(Wake.Write);
  }

  /** Enters ESTABLISHED; a CLOSE that waited for it goes on. */
  established(): void {
    const { sendShut } = this.tcb.handshake!;
    if (sendShut && this.state === 'SYN-RECEIVED') this.sender.finQueued = true; // Linux tcp_rcv_state_process
    this.tcb.handshake = undefined;
    this.setState('ESTABLISHED');
    this.refreshSegmentSize();
    if (this.fastOpen?.served !== true) this.sender.established();
    this.fastOpen?.settled(false);
    adoptUserTimeout(this, this.host.context.config.tcp);
    tuneSendBuffer(this.sender, this.options, this.host.context);
    this.options = withoutIdleClamp(this.options, this.receiver);
    if (this.sender.finQueued) this.setState('FIN-WAIT-1');
    if (this.receiver.takeEarly()) this.ack.now('ACK of text with the SYN');
    this.host.mark(this);
    if (this.parent !== undefined) this.parent.completed(this);
    this.notify();
  }

  /** Enters TIME-WAIT: other timers off, 2 MSL on. RFC 9293 §3.10.7.4, eighth. */
  enterTimeWait(now: Micros): void {
    this.setState('TIME-WAIT');
    this.timers.clearAll();
    this.restartTimeWait(now);
    this.host.enteredTimeWait(this);
    this.notify();
  }

  restartTimeWait(now: Micros): void {
    this.timers.set(Timer.TimeWait, after(now, 2 * this.host.context.config.tcp.msl)); // MUST-13
    this.host.mark(this);
  }

  /** Enters CLOSED, with an error to report (positive errno) or 0. What was received stays readable. */
  end(error: number): void {
    if (this.state === 'CLOSED') return;
    this.fastOpen?.settled(false);
    if (this.fastOpen !== undefined && this.state === 'SYN-SENT')
      this.host.fastOpenCache.onConnectFailed(this.tcb, error, this.host.now);
    const news = this.state !== 'TIME-WAIT' || error !== 0; // to a program TIME-WAIT is the end already
    this.setState('CLOSED');
    this.error = error;
    this.timers.clearAll();
    this.sender.ring.clear();
    this.receiver.dropHeld();
    if (this.closed) this.receiver.ring.clear();
    if (this.parent !== undefined) this.parent.forget(this);
    this.host.gone(this);
    this.freePort();
    if (news) this.notify();
  }

  /** The path's MTU or an option may have changed: sets the segment size anew. */
  refreshSegmentSize(): void {
    const widest = effectiveMss(this.tcb, this.path, this.options.maxSegment);
    const smss = this.sender.mtuProber?.bounded(widest) ?? widest;
    this.sender.setSegmentSize(smss, largestPayload(this.tcb, this.path, smss));
  }

  onDeadline(now: Micros): void {
    this.host.onDeadline(this, now);
  }
  onKeepalive(now: Micros): void {
    this.host.onKeepalive(this, now);
  }

  private freePort(): void {
    const holder = this.#portHolder;
    this.#portHolder = undefined;
    if (holder !== undefined) holder.onGone();
  }
}
