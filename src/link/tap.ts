/**
 * A Linux TAP device as a link. Reads and writes are one system call a frame, without waiting, on the calling thread; Node's
 * event loop tells when frames wait. With offload (virtio-net header) one call moves a TCP segment of up to 64 KiB.
 *
 * Opening and its errors: tap-device.ts. The header: vnet-header.ts. The system calls: tap-libc.ts. What is left out: more
 * than one queue, and following a change of the device's MTU.
 */
import { Drops } from '../core/drop.ts';
import { Checksum, FramePool, LARGE_FRAME, SMALL_FRAME } from '../core/frame.ts';
import type { Frame } from '../core/frame.ts';
import { NEVER } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import type { FrameSink, Link } from './link.ts';
import { deviceErrnoName, MAX_QUEUE_LENGTH, openTapDevice, TapError } from './tap-device.ts';
import type { TapDevice } from './tap-device.ts';
import { loadLibc } from './tap-libc.ts';
import type { Address, Libc, ReadWatch } from './tap-libc.ts';
import { applyVnetHeader, VNET_LENGTH, writeVnetHeader } from './vnet-header.ts';

export { TapError } from './tap-device.ts';

export interface TapOptions {
  /** Super-segments and partial checksums where the kernel has them (default); false gives frames of at most the MTU. */
  readonly offload?: boolean;
  /** A smaller MTU than the device's (octets). The default is the device's own. */
  readonly mtu?: number;
  /**
   * Frames that the kernel keeps for the link to read, 1 to 500,000; what comes on top is lost there, and counted as TX dropped
   * (`ip -s link`). A frame may be a super-segment. Many busy connections want several for each; a long queue costs 8 octets a slot,
   * and lets the delay of everything else grow while senders fill it. The default is 10,000 for a device that is made here and its
   * own length for one that exists. Setting it needs CAP_NET_ADMIN: otherwise EPERM.
   */
  readonly queueLength?: number;
  /** Where received frames come from; the stack's pool. The default is a pool of the link's own. */
  readonly frames?: FramePool;
  /** Who counts the frames that cannot be moved; the stack's counters. */
  readonly drops?: Drops;
  /** Told once when the device goes away under the link, as by "ip link delete". Its drops are 'link-down' from then on. */
  readonly onLost?: (error: TapError) => void;
}

/**
 * Creates the TAP device `name`, or attaches to an existing one, in the network namespace of the calling thread. The caller
 * sets the kernel's side up (ip address add, ip link set up). Rejects with a TapError that says what is wrong and what to do.
 * The link alone does not keep the process alive; stack/driver.ts does.
 */
export async function tap(name: string, options: TapOptions = {}): Promise<Link> {
  if (process.platform !== 'linux')
    throw new TapError(name, 'ENOSYS', `TAP devices need Linux, and this is ${process.platform}`);
  const { queueLength } = options;
  if (
    queueLength !== undefined &&
    !(Number.isInteger(queueLength) && queueLength >= 1 && queueLength <= MAX_QUEUE_LENGTH)
  )
    throw new TapError(name, 'EINVAL', `queueLength must be 1 to ${MAX_QUEUE_LENGTH} frames, and not ${queueLength}`);
  const libc = await loadLibc();
  const device = openTapDevice(libc, name, options.offload ?? true, queueLength);
  const mtu = options.mtu ?? device.mtu;
  if (!(Number.isInteger(mtu) && mtu >= LEAST_MTU && mtu <= device.mtu)) {
    libc.close(device.fd);
    throw new TapError(
      name,
      'EINVAL',
      `mtu must be ${LEAST_MTU} to ${device.mtu}, which is the device's, and not ${mtu}`,
    );
  }
  return new TapLink(libc, device, mtu, options);
}

/** Every link carries at least this (octets). RFC 791 §3.2. */
const LEAST_MTU = 68;
/** Largest IP datagram (octets). RFC 791 §3.1. */
const LARGEST_DATAGRAM = 65_535;
/** An Ethernet header with a VLAN tag. */
const ETHERNET_ROOM = 18;
/** Where a received frame of a large buffer starts: leaves room for the largest datagram, its Ethernet header and the tag. */
const LARGE_START = 128;

const EINTR = 4;
const EIO = 5;
const EAGAIN = 11;
const ENOMEM = 12;
const EINVAL = 22;
const ENOBUFS = 105;

class TapLink implements Link {
  readonly name: string;
  readonly mtu: number;
  readonly maxSegment: number;
  readonly checksumOffload: boolean;
  readonly losses: readonly Drops[];

  readonly #libc: Libc;
  readonly #frames: FramePool;
  readonly #drops: Drops;
  readonly #onLost: ((error: TapError) => void) | undefined;
  readonly #offload: boolean;
  /** Octets of the virtio-net header, 0 without one. */
  readonly #headerLength: number;
  /** Longest frame that can come in. */
  readonly #readLimit: number;
  /** -1 once closed. */
  #fd: number;
  /** The buffer for the next read. */
  #spare: Frame | undefined = undefined;
  #watch: ReadWatch | undefined = undefined;
  /** Whether the owner was woken and has not called `receive` since. */
  #woken = false;
  #wantsWakes = true;

  constructor(libc: Libc, device: TapDevice, mtu: number, options: TapOptions) {
    this.name = device.name;
    this.mtu = mtu;
    this.maxSegment = device.offload ? LARGEST_DATAGRAM : mtu;
    this.checksumOffload = device.offload;
    this.#libc = libc;
    this.#fd = device.fd;
    this.#frames = options.frames ?? new FramePool();
    this.#drops = options.drops ?? new Drops();
    this.losses = [this.#drops];
    this.#onLost = options.onLost;
    this.#offload = device.offload;
    this.#headerLength = device.offload ? VNET_LENGTH : 0;
    this.#readLimit = (device.offload ? LARGEST_DATAGRAM : device.mtu) + ETHERNET_ROOM;
  }

  start(wake: () => void): void {
    if (this.#fd < 0 || this.#watch !== undefined) return;
    this.#watch = this.#libc.watch(this.#fd, () => {
      // Readiness is a level: it would be told again and again until the owner gets round to it.
      if (this.#woken) this.#watch?.pause();
      this.#woken = true;
      wake();
    });
  }

  wantWakes(wanted: boolean): void {
    this.#wantsWakes = wanted;
    if (wanted) this.#watch?.resume();
    else this.#watch?.pause();
  }

  receive(sink: FrameSink, now: Micros, budget: number): number {
    if (this.#woken) {
      this.#woken = false;
      if (this.#wantsWakes) this.#watch?.resume();
    }
    let count = 0;
    while (count < budget && this.#fd >= 0) {
      const frame = this.#read();
      if (frame === undefined) break;
      count++;
      sink(frame, now);
    }
    return count;
  }

  send(frame: Frame): void {
    if (this.#fd < 0) {
      this.#drops.drop('link-down', frame);
    } else if (frame.length > (frame.gsoSize > 0 ? this.maxSegment : this.mtu) + ETHERNET_ROOM) {
      this.#drops.drop('link-too-long', frame);
    } else if (this.#offload && !writeVnetHeader(frame)) {
      this.#drops.drop('link-not-cuttable', frame);
    } else {
      this.#write(frame);
    }
    frame.release();
  }

  nextDeadline(): Micros {
    return NEVER;
  }

  close(): void {
    if (this.#fd < 0) return;
    this.#watch?.close();
    this.#watch = undefined;
    this.#libc.close(this.#fd);
    this.#fd = -1;
    this.#spare?.release();
    this.#spare = undefined;
  }

  /** One frame, or undefined when none waits. */
  #read(): Frame | undefined {
    const spare = (this.#spare ??= this.#acquire());
    const at = spare.start - this.#headerLength;
    const room = this.#readLimit + this.#headerLength;
    for (;;) {
      const length = this.#libc.read(this.#fd, this.#address(spare, at), room + 1);
      if (length < 0) {
        const errno = this.#libc.errno();
        if (errno === EINTR) continue;
        if (errno !== EAGAIN) this.#lose(errno);
        return undefined;
      }
      if (length > room || length < this.#headerLength) {
        // The device's MTU was raised after it was opened, and the read cut the frame off.
        this.#drops.drop('link-too-long');
        continue;
      }
      spare.end = at + length;
      return this.#take(spare, at);
    }
  }

  /** The frame to hand up: the buffer it was read into, or a small copy, so that a short frame does not hold 64 KiB. */
  #take(spare: Frame, at: number): Frame {
    let frame = spare;
    if (spare.length <= SMALL_FRAME && this.#readLimit > SMALL_FRAME) {
      frame = this.#frames.from(spare.view());
    } else {
      this.#spare = undefined;
    }
    if (this.#offload) applyVnetHeader(frame, spare.bytes, at);
    return frame;
  }

  #acquire(): Frame {
    if (this.#readLimit <= SMALL_FRAME) return this.#frames.acquire(this.#readLimit);
    // A pooled buffer is just long enough, since it needs less headroom than what is sent.
    const frame = this.#frames.acquire(LARGE_FRAME);
    frame.start = LARGE_START;
    return frame;
  }

  #write(frame: Frame): void {
    // A frame that reaches the wire unfinished is received as a corrupt one; the mistake is in how the links are stacked.
    if (!this.#offload && frame.checksum === Checksum.Partial) {
      throw new Error(`partial checksum on ${this.name}: put segmented() in front of a link without offload`);
    }
    const length = frame.length + this.#headerLength;
    for (;;) {
      if (this.#libc.write(this.#fd, this.#address(frame, frame.start - this.#headerLength), length) >= 0) return;
      const errno = this.#libc.errno();
      if (errno === EINTR) continue;
      this.#refused(frame, errno);
      return;
    }
  }

  #refused(frame: Frame, errno: number): void {
    switch (errno) {
      case EAGAIN:
      case ENOMEM:
      case ENOBUFS:
        this.#drops.drop('link-queue-full', frame);
        break;
      case EINVAL:
        this.#drops.drop('link-refused', frame);
        break;
      case EIO: // the interface is down, and may come up again
        this.#drops.drop('link-down', frame);
        break;
      default:
        this.#drops.drop('link-down', frame);
        this.#lose(errno);
    }
  }

  /** The device has gone (EBADFD after its deletion): its readiness would be told for ever. */
  #lose(errno: number): void {
    this.close();
    this.#onLost?.(lostError(this.name, errno));
  }

  /** Address of one octet of a frame's buffer; asking koffi for it costs 75 ns, so it is kept with the frame. */
  #address(frame: Frame, at: number): Address {
    let base = frame.linkCache as Address | undefined;
    if (base === undefined) {
      base = this.#libc.addressOf(frame.bytes);
      frame.linkCache = base;
    }
    return (base + at) as Address;
  }
}

function lostError(name: string, errno: number): TapError {
  const code = deviceErrnoName(errno);
  return new TapError(name, code, `the device has gone (${code}); was it deleted?`);
}
