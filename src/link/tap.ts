/**
 * A Linux TAP device as a link. Reads and writes are one system call a frame, without waiting, on the calling thread; Node's
 * event loop tells when frames wait. With offload (virtio-net header) one call moves a TCP segment of up to 64 KiB.
 *
 * Opening and its errors: tap-device.ts. The header: vnet-header.ts. The system calls: tap-libc.ts. What is left out: more
 * than one queue, and following a change of the device's MTU.
 */
import { Drops } from '../core/drop.ts';
import type { DropReason } from '../core/drop.ts';
import { Checksum, FramePool, LARGE_FRAME, SMALL_FRAME } from '../core/frame.ts';
import type { Frame } from '../core/frame.ts';
import { NEVER } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import type { BatchedIo } from './batched-io.ts';
import { openIo } from './io-uring.ts';
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
  /** Several frames in one system call, where the kernel has io_uring (default); false has a call for each, which strace shows. */
  readonly ioUring?: boolean;
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

/** Buffers of 64 KiB that wait for frames at most. */
const MOST_LARGE_BUFFERS = 16;

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
  readonly #io: BatchedIo;
  /** Small frames read since the last large one, or look that found none. */
  #run = 0;
  /** Of one system call. */
  readonly #mostReads: number;
  /** Buffers for reads, made as they are needed, and what came of the last ones: octets, or error numbers below 0. */
  readonly #buffers: (Frame | undefined)[] = [];
  readonly #results: Int32Array;
  /** Frames that wait until the owner has sent all that it has to send, in the first places. */
  readonly #held: Frame[] = [];
  #heldCount = 0;
  #corked = false;
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
    this.#io = openIo(libc, device.fd, options.ioUring ?? true);
    this.#results = new Int32Array(this.#io.size);
    this.#mostReads = Math.min(this.#io.size, device.offload ? MOST_LARGE_BUFFERS : Infinity);
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
    let handed = 0;
    for (let looked = 0; looked < budget && this.#fd >= 0;) {
      const count = Math.min(this.#readsAtOnce(), budget - looked);
      this.#read(count);
      looked += count;
      let missed = false;
      for (let i = 0; i < count && this.#fd >= 0; i++) {
        if (this.#results[i] === -EAGAIN) missed = true;
        const frame = this.#take(i);
        if (frame === undefined) continue;
        handed++;
        sink(frame, now);
      }
      if (missed) {
        this.#run = 0;
        break;
      }
    }
    return handed;
  }

  send(frame: Frame): void {
    if (this.#fd < 0) {
      this.#drop('link-down', frame);
    } else if (frame.length > (frame.gsoSize > 0 ? this.maxSegment : this.mtu) + ETHERNET_ROOM) {
      this.#drop('link-too-long', frame);
    } else if (this.#offload && !writeVnetHeader(frame)) {
      this.#drop('link-not-cuttable', frame);
    } else {
      // A frame that reaches the wire unfinished is received as a corrupt one; the mistake is in how the links are stacked.
      if (!this.#offload && frame.checksum === Checksum.Partial)
        throw new Error(`partial checksum on ${this.name}: put segmented() in front of a link without offload`);
      this.#held[this.#heldCount++] = frame;
      if (!this.#corked || frame.length > SMALL_FRAME || this.#heldCount === this.#io.size) this.#flush();
    }
  }

  /** Small frames only wait: of large ones the call is the least part, and many would leave the processor's cache before they are written. */
  cork(corked: boolean): void {
    this.#corked = corked;
    if (!corked) this.#flush();
  }

  giveWay(): void {
    this.#libc.yield();
  }

  nextDeadline(): Micros {
    return NEVER;
  }

  close(): void {
    this.#flush();
    this.#end();
  }

  #end(): void {
    if (this.#fd < 0) return;
    this.#watch?.close();
    this.#watch = undefined;
    this.#io.close();
    this.#libc.close(this.#fd);
    this.#fd = -1;
    for (const buffer of this.#buffers.splice(0)) buffer?.release();
  }

  /**
   * How many reads to try in one call. Those that find nothing cost, too: it grows with what was found, so that a few frames that are
   * answered by a few take plain reads. Large ones are looked at one by one, while the processor has them in its cache.
   */
  #readsAtOnce(): number {
    return this.#run < 4 ? 1 : Math.min(this.#run, this.#mostReads);
  }

  /** Looks for `count` frames; the results are kept, since whoever takes the frames may send, and that has results of its own. */
  #read(count: number): void {
    for (let i = 0; i < count; i++) {
      const buffer = (this.#buffers[i] ??= this.#acquire());
      this.#io.read(this.#address(buffer, buffer.start - this.#headerLength), this.#readLimit + this.#headerLength + 1);
    }
    this.#io.submit();
    for (let i = 0; i < count; i++) this.#results[i] = this.#io.result(i);
  }

  /** The frame of one read, if there is one: the buffer itself, or a small copy, so that a short frame does not hold 64 KiB. */
  #take(index: number): Frame | undefined {
    const result = this.#results[index]!;
    const length = result - this.#headerLength;
    if (length < 0 || length > this.#readLimit) {
      // The device's MTU was raised after it was opened, and the read cut the frame off.
      if (result >= 0) this.#drops.drop('link-too-long');
      else if (result !== -EAGAIN) this.#lose(-result);
      return undefined;
    }
    this.#run = length <= SMALL_FRAME ? this.#run + 1 : 0;
    const buffer = this.#buffers[index]!;
    buffer.end = buffer.start + length;
    let frame = buffer;
    if (length <= SMALL_FRAME && this.#readLimit > SMALL_FRAME) frame = this.#frames.copyOf(buffer);
    else this.#buffers[index] = undefined;
    if (this.#offload) applyVnetHeader(frame, buffer.bytes, buffer.start - this.#headerLength);
    return frame;
  }

  #acquire(): Frame {
    if (this.#readLimit <= SMALL_FRAME) return this.#frames.acquire(this.#readLimit);
    // A pooled buffer is just long enough, since it needs less headroom than what is sent.
    const frame = this.#frames.acquire(LARGE_FRAME);
    frame.start = LARGE_START;
    return frame;
  }

  /** Writes what waits. */
  #flush(): void {
    const held = this.#held;
    const count = this.#heldCount;
    if (count === 0) return;
    this.#heldCount = 0;
    if (this.#fd < 0) {
      for (let i = 0; i < count; i++) this.#drop('link-down', held[i]!);
      return;
    }
    for (let i = 0; i < count; i++) {
      const frame = held[i]!;
      this.#io.write(this.#address(frame, frame.start - this.#headerLength), frame.length + this.#headerLength);
    }
    this.#io.submit();
    for (let i = 0; i < count; i++) {
      const result = this.#io.result(i);
      if (result < 0) this.#refused(held[i]!, -result);
      held[i]!.release();
    }
  }

  #drop(reason: DropReason, frame: Frame): void {
    this.#drops.drop(reason, frame);
    frame.release();
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
    if (this.#fd < 0) return;
    this.#end();
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
