/**
 * Datagrams that wait to leave, of all ports together, in the order in which they were sent. RFC 768.
 *
 * Bounded by each port's limit (SO_SNDBUF) and the number of ports. Records are reused.
 */
import { Errno } from '../core/errno.ts';
import { Checksum } from '../core/frame.ts';
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';
import { applyMtuDiscover } from '../ip/mtu-discover.ts';
import { IpProtocol } from '../ip/service.ts';
import type { IpErrorReport, IpService, MtuDiscover, OutputOptions, Path } from '../ip/service.ts';
import type { UdpOwner, UdpSendOptions } from './service.ts';
import { UDP_HEADER_LENGTH, setUdpChecksum, setUdpPartialChecksum, writeUdpHeader } from './wire.ts';

/** A port as the outbox sees it. */
export interface OutboxClient {
  readonly localPort: number;
  readonly owner: UdpOwner;
  /** A datagram with `length` octets of data has left. */
  dequeued(length: number): void;
}

interface Waiting {
  port: OutboxClient;
  frame: Frame;
  path: Path;
  destinationPort: number;
  ttl: number;
  tos: number;
  mtuDiscover: MtuDiscover;
  confirm: boolean;
  loop: boolean;
}

/** The data of a datagram that nobody quotes. */
const NOTHING = new Uint8Array(0);

/** Records kept for reuse at most. */
const KEPT_RECORDS = 1024;

export class Outbox {
  readonly #ip: IpService;
  readonly #records: Waiting[] = [];
  #length = 0;
  /** Datagrams that IP took. */
  sent = 0;
  readonly #options: OutputOptions = { protocol: IpProtocol.Udp, ttl: 64, tos: 0, dontFragment: false };

  constructor(ip: IpService) {
    this.#ip = ip;
  }

  get length(): number {
    return this.#length;
  }

  /** Takes over the frame, which holds room for the header and the data. */
  push(port: OutboxClient, frame: Frame, path: Path, destinationPort: number, options: UdpSendOptions): void {
    const { ttl, tos, mtuDiscover, confirm, loop } = options;
    const record = this.#records[this.#length];
    if (record === undefined) {
      this.#records.push({ port, frame, path, destinationPort, ttl, tos, mtuDiscover, confirm, loop });
    } else {
      record.port = port;
      record.frame = frame;
      record.path = path;
      record.destinationPort = destinationPort;
      record.ttl = ttl;
      record.tos = tos;
      record.mtuDiscover = mtuDiscover;
      record.confirm = confirm;
      record.loop = loop;
    }
    this.#length++;
  }

  /** Sends all of it. */
  flush(now: Micros): void {
    const count = this.#length;
    for (let i = 0; i < count; i++) this.#send(this.#records[i]!, now);
    this.#length = 0;
    if (this.#records.length > KEPT_RECORDS) this.#records.length = KEPT_RECORDS;
  }

  #send(record: Waiting, now: Micros): void {
    const { port, frame, path, destinationPort, mtuDiscover } = record;
    const { bytes, start } = frame;
    const { length } = frame;
    writeUdpHeader(bytes, start, port.localPort, destinationPort, length);
    const sum = path.pseudoHeaderSum(IpProtocol.Udp);
    const options = this.#options;
    const fits = applyMtuDiscover(options, path, length + path.headerLength, mtuDiscover);
    // What is cut into pieces is more than any link sees at once.
    if (path.checksumOffload && fits) {
      setUdpPartialChecksum(bytes, start, length, sum);
      frame.checksum = Checksum.Partial;
    } else {
      setUdpChecksum(bytes, start, frame.sum(start, length, sum + length));
    }
    options.ttl = record.ttl;
    options.tos = record.tos;
    options.loop = record.loop;
    if (record.confirm) this.#ip.confirm(path, now);
    const result = this.#ip.output(path, frame, options, now);
    port.dequeued(length - UDP_HEADER_LENGTH);
    if (result === 0) this.sent++;
    else if (result < 0) port.owner.onError(localReport(path, -result), destinationPort, NOTHING);
  }
}

/** A report of this host's own: the datagram could not be sent after all. Rare, so it may allocate. */
const localReport = (path: Path, errno: number): IpErrorReport => ({
  from: path.source,
  source: path.source,
  destination: path.destination,
  protocol: IpProtocol.Udp,
  type: 3,
  code: errno === Errno.ENETUNREACH ? 0 : errno === Errno.EMSGSIZE ? 4 : 1,
  errno,
  hard: false,
  mtu: 0,
});
