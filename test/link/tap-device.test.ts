import { expect } from 'chai';
import { Errno } from '../../src/core/errno.ts';
import { DEFAULT_QUEUE_LENGTH, openTapDevice, TapError } from '../../src/link/tap-device.ts';
import type { Address, Libc } from '../../src/link/tap-libc.ts';

const TUNSETIFF = 0x400454ca;
const TUNGETFEATURES = 0x800454cf;
const TUNSETOFFLOAD = 0x400454d0;
const TUNGETIFF = 0x800454d2;
const SIOCGIFMTU = 0x8921;
const SIOCSIFTXQLEN = 0x8943;
const IFF_PERSIST = 0x0800;
const FEATURES = 0x7003; // TUN, TAP, NO_PI, ONE_QUEUE, VNET_HDR

/** A kernel that refuses what a test names: `fail` gives the errno of a call, 0 for success. */
class FakeLibc implements Libc {
  readonly ring = undefined;
  readonly closed: number[] = [];
  readonly offloads: number[] = [];
  /** Lengths that the queue was given. */
  readonly queues: number[] = [];
  persistent = false;
  flags = 0;
  features = FEATURES;
  fail: (call: string, request: number, argument: number) => number = () => 0;
  #errno = 0;

  open(): number {
    return this.#result('open', 0, 0, 7);
  }

  close(fd: number): number {
    this.closed.push(fd);
    return 0;
  }

  ioctl(_fd: number, request: number, argument: Uint8Array): number {
    const view = new DataView(argument.buffer);
    if (request === TUNSETIFF) this.flags = view.getUint16(16, true);
    if (request === TUNGETFEATURES) view.setInt32(0, this.features, true);
    if (request === SIOCGIFMTU) view.setInt32(16, 1400, true);
    if (request === TUNGETIFF) view.setUint16(16, this.flags | (this.persistent ? IFF_PERSIST : 0), true);
    if (request === SIOCSIFTXQLEN) this.queues.push(view.getInt32(16, true));
    return this.#result('ioctl', request, 0, 0);
  }

  ioctlValue(_fd: number, request: number, argument: number): number {
    if (request === TUNSETOFFLOAD) this.offloads.push(argument);
    return this.#result('ioctl', request, argument, 0);
  }

  socket(): number {
    return this.#result('socket', 0, 0, 8);
  }

  errno(): number {
    return this.#errno;
  }

  read(): number {
    return -1;
  }

  write(): number {
    return -1;
  }

  yield(): void {
    // Nobody waits.
  }

  addressOf(): Address {
    return 0 as Address;
  }

  watch(): never {
    throw new Error('not here');
  }

  #result(call: string, request: number, argument: number, success: number): number {
    this.#errno = this.fail(call, request, argument);
    return this.#errno === 0 ? success : -1;
  }
}

describe('link/tap-device', () => {
  let libc: FakeLibc;

  beforeEach(() => {
    libc = new FakeLibc();
  });

  const failure = (name = 'tap0'): TapError => {
    try {
      openTapDevice(libc, name, true);
    } catch (error) {
      expect(error).to.be.instanceOf(TapError);
      return error as TapError;
    }
    throw new Error('it did not fail');
  };

  it('asks for a TAP without packet information, with the virtio-net header and all offloads', () => {
    expect(openTapDevice(libc, 'tap0', true)).to.deep.equal({ fd: 7, name: 'tap0', mtu: 1400, offload: true });
    expect(libc.flags).to.equal(0x5002);
    expect(libc.offloads).to.deep.equal([0x0f]);
    expect(libc.closed).to.deep.equal([8, 8]);
  });

  it('without offload it switches off what an earlier user of a persistent device left on', () => {
    expect(openTapDevice(libc, 'tap0', false).offload).to.equal(false);
    expect(libc.flags).to.equal(0x1002);
    expect(libc.offloads).to.deep.equal([0]);
  });

  it('falls back to plain frames on a kernel without the header', () => {
    libc.features = 0x1003;
    expect(openTapDevice(libc, 'tap0', true).offload).to.equal(false);
    expect(libc.flags).to.equal(0x1002);
  });

  it('asks for fewer offloads until the kernel accepts', () => {
    libc.fail = (_call, request, argument) => (request === TUNSETOFFLOAD && argument > 0x03 ? Errno.EINVAL : 0);
    expect(openTapDevice(libc, 'tap0', true).offload).to.equal(true);
    expect(libc.offloads).to.deep.equal([0x0f, 0x07, 0x03]);
  });

  it('a device that is made here gets the default queue, or the one that is asked for', () => {
    openTapDevice(libc, 'tap0', true);
    openTapDevice(libc, 'tap0', true, 3);
    expect(libc.queues).to.deep.equal([DEFAULT_QUEUE_LENGTH, 3]);
  });

  it('a device that was there keeps its queue unless another is asked for', () => {
    libc.persistent = true;
    openTapDevice(libc, 'tap0', true);
    expect(libc.queues).to.deep.equal([]);
    openTapDevice(libc, 'tap0', true, 3);
    expect(libc.queues).to.deep.equal([3]);
  });

  it('a kernel that does not tell whether the device was there is not given a queue', () => {
    libc.fail = (_call, request) => (request === TUNGETIFF ? Errno.EINVAL : 0);
    openTapDevice(libc, 'tap0', true);
    expect(libc.queues).to.deep.equal([]);
  });

  const ROWS: readonly [title: string, call: string, request: number, errno: number, code: string, says: RegExp][] = [
    ['no driver', 'open', 0, Errno.ENOENT, 'ENOENT', /modprobe tun.*--device \/dev\/net\/tun/],
    ['no module', 'open', 0, Errno.ENODEV, 'ENODEV', /modprobe tun/],
    ['no right to the driver', 'open', 0, Errno.EACCES, 'EACCES', /ip tuntap add dev tap0 mode tap user \$USER/],
    ['too many files', 'open', 0, Errno.EMFILE, 'EMFILE', /EMFILE, Too many open files/],
    ['no right to create', 'ioctl', TUNSETIFF, Errno.EPERM, 'EPERM', /run as root.*"tapstack start"/],
    ['busy', 'ioctl', TUNSETIFF, Errno.EBUSY, 'EBUSY', /another program has it open/],
    ['no TAP', 'ioctl', TUNSETIFF, Errno.EINVAL, 'EINVAL', /not a \(single-queue\) TAP/],
    ['unforeseen', 'ioctl', TUNSETIFF, Errno.ENOMEM, 'ENOMEM', /cannot create or attach to it: ENOMEM/],
    [
      'no queue',
      'ioctl',
      SIOCSIFTXQLEN,
      Errno.EPERM,
      'EPERM',
      /its queue 10000 frames long: EPERM.*ip link set dev tap0 txqueuelen/,
    ],
    ['no MTU', 'ioctl', SIOCGIFMTU, Errno.ENODEV, 'ENODEV', /cannot read the MTU/],
    ['no socket', 'socket', 0, Errno.EMFILE, 'EMFILE', /make a socket/],
  ];
  for (const [title, call, request, errno, code, says] of ROWS) {
    it(`${title}: ${code}, said clearly, and nothing stays open`, () => {
      libc.fail = (name, number) => (name === call && number === request ? errno : 0);
      const error = failure();
      expect(error).to.include({ name: 'TapError', code, device: 'tap0' });
      expect(error.message)
        .to.match(/^tap0: /)
        .and.match(says);
      expect(libc.closed.includes(7)).to.equal(call !== 'open');
    });
  }

  for (const name of ['', '.', '..', 'a b', 'a/b', 'a:b', 'tap%s', 'sixteen-octets-x']) {
    it(`refuses the name "${name}" before it asks the kernel`, () => {
      libc.fail = () => Errno.EIO;
      expect(failure(name).code).to.be.oneOf(['EINVAL', 'ENAMETOOLONG']);
    });
  }
});
