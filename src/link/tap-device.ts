/**
 * Opening a TAP device: the ioctls, and one clear message for each way in which it fails.
 * Linux Documentation/networking/tuntap.rst, include/uapi/linux/if_tun.h, netdevice(7).
 */
import { LITTLE_ENDIAN } from '../core/bytes.ts';
import { errnoName, errnoText } from '../core/errno.ts';
import type { Libc } from './tap-libc.ts';
import { VNET_LENGTH } from './vnet-header.ts';

/** A TAP device that cannot be opened or has gone. `code` is the errno's name, e.g. 'EPERM'; the message says what to do. */
export class TapError extends Error {
  readonly code: string;
  /** Name of the device that was asked for. */
  readonly device: string;

  constructor(device: string, code: string, message: string) {
    super(`${device === '' ? 'TAP device' : device}: ${message}`);
    this.name = 'TapError';
    this.code = code;
    this.device = device;
  }
}

export interface TapDevice {
  readonly fd: number;
  /** As the kernel has it: 'tap%d' asks for the next free number. */
  readonly name: string;
  readonly mtu: number;
  /** Whether frames carry a virtio-net header, checksums may be partial and super-segments go both ways. */
  readonly offload: boolean;
}

const CLONE_DEVICE = '/dev/net/tun';
/** Octets of an interface name with its closing zero. */
const IFNAMSIZ = 16;
/** struct ifreq is 40 octets; made longer than 64 so that V8 keeps its memory in one place. */
const IFREQ_ROOM = 128;

const O_RDWR = 0o2;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = O_CLOEXEC;

const TUNSETIFF = 0x400454ca;
const TUNGETFEATURES = 0x800454cf;
const TUNGETIFF = 0x800454d2;
const TUNSETOFFLOAD = 0x400454d0;
const TUNSETVNETHDRSZ = 0x400454d8;
const TUNSETVNETLE = 0x400454dc;
const SIOCGIFMTU = 0x8921;
const SIOCSIFTXQLEN = 0x8943;

const IFF_TAP = 0x0002;
const IFF_PERSIST = 0x0800;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;

const TUN_F_CSUM = 0x01;
const TUN_F_TSO4 = 0x02;
const TUN_F_TSO6 = 0x04;
const TUN_F_TSO_ECN = 0x08;

/** What is asked of the kernel, most first: it refuses a whole set when it lacks one of them. */
const OFFLOADS = [
  TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN,
  TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6,
  TUN_F_CSUM | TUN_F_TSO4,
];

/**
 * Frames that wait in the kernel for a device that was made here. The kernel's own 1,000 is less than one frame for each of some
 * thousand busy connections: measured with 3,000 that send, 55 % of all frames were lost there, and none with 30,000.
 */
export const DEFAULT_QUEUE_LENGTH = 10_000;
/** The kernel keeps the queue in one array of pointers of 8 octets, of at most 4 MiB. include/linux/ptr_ring.h. */
export const MAX_QUEUE_LENGTH = 500_000;

/**
 * Creates the device, or attaches to the one that exists, in the network namespace of the calling thread. The descriptor
 * does not block; it keeps the device alive unless that is persistent. A device that is made here gets `queueLength` or
 * the default; one that exists keeps its own unless another is asked for. Throws a TapError.
 */
export function openTapDevice(libc: Libc, name: string, wantOffload: boolean, queueLength?: number): TapDevice {
  checkName(name);
  const fd = libc.open(CLONE_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) throw openError(name, libc.errno());
  try {
    const offload = wantOffload && (features(libc, fd) & IFF_VNET_HDR) !== 0;
    const actual = attach(libc, fd, name, IFF_TAP | IFF_NO_PI | (offload ? IFF_VNET_HDR : 0));
    if (offload) enableOffload(libc, fd, actual);
    // A persistent device remembers what its last user switched on.
    else libc.ioctlValue(fd, TUNSETOFFLOAD, 0);
    const length = queueLength ?? (isPersistent(libc, fd) ? undefined : DEFAULT_QUEUE_LENGTH);
    if (length !== undefined) setQueueLength(libc, actual, length);
    return { fd, name: actual, mtu: readMtu(libc, actual), offload };
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/** What the kernel accepts as a device name (dev_valid_name), said before it answers EINVAL for everything. */
function checkName(name: string): void {
  if (name === '') throw new TapError(name, 'EINVAL', 'the name is empty; give one such as tap0');
  if (new TextEncoder().encode(name).length >= IFNAMSIZ) {
    throw new TapError(name, 'ENAMETOOLONG', `the name is too long; Linux allows ${IFNAMSIZ - 1} octets`);
  }
  // A '%' stands for a number to be chosen and is only known as %d.
  if (name === '.' || name === '..' || /[\s/:\0]/.test(name) || name.replace('%d', '').includes('%')) {
    throw new TapError(name, 'EINVAL', 'not a name for a device; letters, digits, - and _ are safe');
  }
}

function features(libc: Libc, fd: number): number {
  const answer = new Uint8Array(IFREQ_ROOM);
  return libc.ioctl(fd, TUNGETFEATURES, answer) < 0 ? 0 : int(answer, 0);
}

/** TUNSETIFF; returns the device's name. */
function attach(libc: Libc, fd: number, name: string, flags: number): string {
  const request = ifreq(name);
  new DataView(request.buffer).setUint16(IFNAMSIZ, flags, LITTLE_ENDIAN);
  if (libc.ioctl(fd, TUNSETIFF, request) < 0) throw attachError(name, libc.errno());
  return new TextDecoder().decode(request.subarray(0, request.indexOf(0)));
}

/** A kernel that refuses every set sends plain frames behind an empty header; what we send it still cuts. */
function enableOffload(libc: Libc, fd: number, name: string): void {
  const value = new Uint8Array(IFREQ_ROOM);
  setInt(value, VNET_LENGTH);
  const sized = libc.ioctl(fd, TUNSETVNETHDRSZ, value);
  setInt(value, 1);
  if (sized < 0 || libc.ioctl(fd, TUNSETVNETLE, value) < 0) throw kernelError(libc, name, 'set the virtio-net header');
  OFFLOADS.some((flags) => libc.ioctlValue(fd, TUNSETOFFLOAD, flags) === 0);
}

function readMtu(libc: Libc, name: string): number {
  return int(askDevice(libc, SIOCGIFMTU, ifreq(name), name, 'read the MTU'), IFNAMSIZ);
}

/** A persistent device was there before, as any other has one program only: its queue is its owner's business. */
function isPersistent(libc: Libc, fd: number): boolean {
  const request = new Uint8Array(IFREQ_ROOM);
  if (libc.ioctl(fd, TUNGETIFF, request) < 0) return true;
  return (int(request, IFNAMSIZ) & IFF_PERSIST) !== 0;
}

function setQueueLength(libc: Libc, name: string, length: number): void {
  const request = ifreq(name);
  setInt(request, length, IFNAMSIZ);
  const hint = `; root can: ip link set dev ${name} txqueuelen ${length}`;
  askDevice(libc, SIOCSIFTXQLEN, request, name, `make its queue ${length} frames long`, hint);
}

/** An ioctl on the device by its name; netdevice(7). Returns the request, which may hold the answer. */
function askDevice(
  libc: Libc,
  question: number,
  request: Uint8Array,
  name: string,
  what: string,
  hint = '',
): Uint8Array {
  const socket = libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) throw kernelError(libc, name, `make a socket to ${what}`);
  const result = libc.ioctl(socket, question, request);
  const error = result < 0 ? kernelError(libc, name, what, hint) : undefined;
  libc.close(socket);
  if (error !== undefined) throw error;
  return request;
}

function ifreq(name: string): Uint8Array<ArrayBuffer> {
  const request = new Uint8Array(IFREQ_ROOM);
  new TextEncoder().encodeInto(name, request);
  return request;
}

/** The ioctls take the machine's own byte order. */
const int = (bytes: Uint8Array, at: number): number =>
  new DataView(bytes.buffer, bytes.byteOffset).getInt32(at, LITTLE_ENDIAN);

const setInt = (bytes: Uint8Array, value: number, at = 0): void =>
  new DataView(bytes.buffer, bytes.byteOffset).setInt32(at, value, LITTLE_ENDIAN);

const RIGHTS =
  'run as root, or have root make the device for you: ip tuntap add dev NAME mode tap user $USER; ' +
  '"tapstack start" needs neither, it makes a private network namespace';

function openError(name: string, errno: number): TapError {
  const code = deviceErrnoName(errno);
  switch (code) {
    case 'ENOENT':
    case 'ENODEV':
    case 'ENXIO':
      return new TapError(
        name,
        code,
        `there is no ${CLONE_DEVICE}; load the driver with "modprobe tun", or in a container add ` +
          `"--device ${CLONE_DEVICE} --cap-add NET_ADMIN"`,
      );
    case 'EPERM':
    case 'EACCES':
      return new TapError(name, code, `no right to open ${CLONE_DEVICE}; ${RIGHTS.replace('NAME', name)}`);
    default:
      return new TapError(name, code, `cannot open ${CLONE_DEVICE}: ${describe(errno)}`);
  }
}

function attachError(name: string, errno: number): TapError {
  const code = deviceErrnoName(errno);
  switch (code) {
    case 'EPERM':
    case 'EACCES':
      return new TapError(name, code, `no right to create or attach to it; ${RIGHTS.replace('NAME', name)}`);
    case 'EBUSY':
      return new TapError(name, code, 'another program has it open; stop that one or take another name');
    case 'EINVAL':
      return new TapError(
        name,
        code,
        'there is a device of that name which is not a (single-queue) TAP; take another name',
      );
    case 'E2BIG':
      return new TapError(name, code, 'too many programs are attached to it');
    default:
      return new TapError(name, code, `cannot create or attach to it: ${describe(errno)}`);
  }
}

function kernelError(libc: Libc, name: string, what: string, hint = ''): TapError {
  const errno = libc.errno();
  return new TapError(name, deviceErrnoName(errno), `cannot ${what}: ${describe(errno)}${hint}`);
}

const describe = (errno: number): string => `${deviceErrnoName(errno)}, ${errnoText(errno)}`;

/** Names that opening a device can answer and that no socket call does. include/uapi/asm-generic/errno-base.h. */
const DEVICE_ERRNOS: Readonly<Record<number, string>> = { 6: 'ENXIO', 7: 'E2BIG', 30: 'EROFS', 77: 'EBADFD' };

/** The name of an error number as opening, reading or writing a device gives it. */
export const deviceErrnoName = (errno: number): string => DEVICE_ERRNOS[errno] ?? errnoName(errno);
