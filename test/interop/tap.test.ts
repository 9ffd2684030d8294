import { expect } from 'chai';
import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { getU16, getU32, toHex } from '../../src/core/bytes.ts';
import { pseudoHeaderSum, sumBytes, sumIsValid } from '../../src/core/checksum.ts';
import { Drops } from '../../src/core/drop.ts';
import { Checksum, FramePool } from '../../src/core/frame.ts';
import type { Frame } from '../../src/core/frame.ts';
import { micros, NEVER } from '../../src/core/time.ts';
import type { Link } from '../../src/link/link.ts';
import { tap, TapError } from '../../src/link/tap.ts';
import type { TapOptions } from '../../src/link/tap.ts';
import { Driver, MonotonicClock } from '../../src/stack/driver.ts';
import { createNamespace, describeInterop, inNamespace } from '../support/namespace.ts';
import type { Namespace } from '../support/namespace.ts';
import { mac, rawFrame, rawTcp, rawUdp } from '../support/raw-frames.ts';

const NOW = micros(0);
const OUR_MAC = '02:00:00:00:00:02';
const PEER_MAC = '02:00:00:00:00:03';
const TCP = 6;
const UDP = 17;
const ACK_PSH = 0x18;

for (const ioUring of [true, false])
  describeInterop(`link/tap on the kernel, ${ioUring ? 'several frames' : 'one frame'} a system call`, () => {
    let ns: Namespace;
    let pool: FramePool;
    let drops: Drops;
    const links: Link[] = [];

    beforeEach(() => {
      ns = createNamespace();
      pool = new FramePool();
      drops = new Drops();
    });

    afterEach(() => {
      for (const link of links.splice(0)) link.close();
      ns.destroy();
    });

    const open = async (name: string, options: TapOptions = {}): Promise<Link> => {
      const link = await inNamespace(ns, () => tap(name, { frames: pool, drops, ioUring, ...options }));
      links.push(link);
      return link;
    };

    /** Opens a TAP whose kernel side has `address`/24, with static neighbours, and without the kernel's own chatter. */
    const openUp = async (name: string, address: string, neighbor: string, options: TapOptions = {}): Promise<Link> => {
      const link = await open(name, options);
      quiet(ns, name);
      ns.ip(`address add ${address}/24 dev ${name}`);
      ns.ip(`link set ${name} up`);
      ns.ip(`neighbor add ${neighbor} lladdr ${name === 'tap0' ? OUR_MAC : PEER_MAC} dev ${name}`);
      return link;
    };

    /** Whether the links have what this round of tests is about: the kernel may lack or forbid it. */
    const hasRing = (): boolean => ioUring && openRings() > 0;

    const queueLength = async (name: string): Promise<number> => {
      const { stdout } = await ns.exec('ip', ['-j', 'link', 'show', 'dev', name]);
      return (JSON.parse(stdout) as { txqlen: number }[])[0]!.txqlen;
    };

    describe('opening', () => {
      it('tells the name, the MTU of the device and what it offloads', async () => {
        const link = await open('tap0');
        expect(link).to.include({ name: 'tap0', mtu: 1500, maxSegment: 65535, checksumOffload: true });
        expect(link.nextDeadline()).to.equal(NEVER);
      });

      it('offload: false gives frames of at most the MTU', async () => {
        expect(await open('tap0', { offload: false })).to.include({
          mtu: 1500,
          maxSegment: 1500,
          checksumOffload: false,
        });
      });

      it('attaches to a device that exists, with its MTU, and lets it live on', async () => {
        ns.ip('tuntap add dev tap7 mode tap');
        ns.ip('link set tap7 mtu 9000');
        const link = await open('tap7', { offload: false });
        expect(link).to.include({ mtu: 9000, maxSegment: 9000 });
        link.close();
        ns.ip('link show tap7');
        expect((await open('tap7')).maxSegment).to.equal(65535);
      });

      it('takes a smaller MTU than the device has', async () => {
        expect((await open('tap0', { mtu: 1280 })).mtu).to.equal(1280);
      });

      it('makes the queue of a new device long, and leaves that of one that exists alone unless told', async () => {
        ns.ip('tuntap add dev tap7 mode tap');
        await open('tap0');
        await open('tap1', { queueLength: 17 });
        (await open('tap7')).close();
        expect(await Promise.all(['tap0', 'tap1', 'tap7'].map(queueLength))).to.deep.equal([10_000, 17, 1000]);
        await open('tap7', { queueLength: 500_000 });
        expect(await queueLength('tap7')).to.equal(500_000);
      });

      it('tap%d is the next free number', async () => {
        expect((await open('tap%d')).name).to.equal('tap0');
        expect((await open('tap%d')).name).to.equal('tap1');
      });

      const REFUSALS: readonly [title: string, name: string, options: TapOptions, code: string, says: RegExp][] = [
        ['a larger MTU than the device has', 'tap0', { mtu: 9000 }, 'EINVAL', /mtu must be 68 to 1500/],
        ['a queue of no frames', 'tap0', { queueLength: 0 }, 'EINVAL', /queueLength must be 1 to 500000/],
        ['a device that is no TAP', 'lo', {}, 'EINVAL', /not a \(single-queue\) TAP; take another name/],
        ['a name that is taken', 'taken', {}, 'EBUSY', /another program has it open/],
        ['a name of 16 octets', 'a23456789012345é', {}, 'ENAMETOOLONG', /at most|allows 15 octets/],
        ['an empty name', '', {}, 'EINVAL', /name is empty/],
        ['a name with a slash', 'a/b', {}, 'EINVAL', /not a name for a device/],
      ];
      for (const [title, name, options, code, says] of REFUSALS) {
        it(`refuses ${title}: ${code}`, async () => {
          if (name === 'taken') await open('taken');
          const before = openTaps();
          const error = await rejection(open(name, options));
          expect(error.code).to.equal(code);
          expect(error.message).to.match(says);
          expect(openTaps()).to.equal(before);
        });
      }

      it('refuses without rights: EPERM or EACCES, with the command that gives them', async () => {
        const error = await inNamespace(ns, async () => {
          process.seteuid!(65534);
          try {
            return await rejection(tap('tap0'));
          } finally {
            process.seteuid!(0);
          }
        });
        expect(error.code).to.be.oneOf(['EPERM', 'EACCES']);
        expect(error.message).to.contain('ip tuntap add dev tap0 mode tap user $USER');
      });
    });

    describe('plain frames', () => {
      it('brings what the kernel sends, octet by octet', async () => {
        const link = await openUp('tap0', '10.7.0.1', '10.7.0.2', { offload: false });
        await udpFromKernel(ns, '10.7.0.2', 7, 'hello');
        const [frame] = take(link);
        expect(toHex(frame!.view().subarray(0, 6), ':')).to.equal(OUR_MAC);
        expect(getU16(frame!.bytes, frame!.start + 12)).to.equal(0x0800);
        expect(new TextDecoder().decode(frame!.view().subarray(42))).to.equal('hello');
        expect(frame).to.include({ checksum: Checksum.Full, gsoSize: 0, network: -1, transport: -1 });
        expectValidChecksum(frame!, 14);
        frame!.release();
      });

      it('takes what we send: the kernel answers', async () => {
        const link = await openUp('tap0', '10.7.0.1', '10.7.0.2', { offload: false });
        link.send(frameToKernel(ns, pool, UDP, rawUdp([4000, 9], bytesOf('x')), false), NOW);
        const [answer] = take(link);
        // Nobody listens on port 9: ICMP port unreachable quotes our datagram.
        expect(answer!.bytes[answer!.start + 14 + 9]).to.equal(1);
        expect(getU16(answer!.bytes, answer!.start + 14 + 20)).to.equal(0x0303);
        answer!.release();
      });

      it('a frame longer than the MTU is a counted drop', async () => {
        const link = await openUp('tap0', '10.7.0.1', '10.7.0.2', { offload: false });
        link.send(pool.from(new Uint8Array(1519)), NOW);
        expect(drops.snapshot()).to.deep.equal({ 'link-too-long': 1 });
      });

      it('a frame that came after the MTU was raised is a counted drop', async () => {
        const link = await openUp('tap0', '10.7.0.1', '10.7.0.2', { offload: false });
        ns.ip('link set tap0 mtu 3000');
        await udpFromKernel(ns, '10.7.0.2', 7, 'a'.repeat(2500));
        await udpFromKernel(ns, '10.7.0.2', 7, 'small');
        const frames = take(link);
        expect(frames.map((frame) => frame.length)).to.deep.equal([47]);
        expect(drops.snapshot()).to.deep.equal({ 'link-too-long': 1 });
        frames[0]!.release();
      });

      it('a partial checksum is a mistake of the program', async () => {
        const link = await openUp('tap0', '10.7.0.1', '10.7.0.2', { offload: false });
        const frame = frameToKernel(ns, pool, UDP, rawUdp([4000, 9], bytesOf('x')), true);
        expect(() => link.send(frame, NOW)).to.throw(/partial checksum/);
      });
    });

    describe('offload', () => {
      it('a partial checksum of the kernel comes with the offsets that complete it', async () => {
        const link = await openUp('tap0', '10.7.0.1', '10.7.0.2');
        await udpFromKernel(ns, '10.7.0.2', 7, 'hello');
        const [frame] = take(link);
        expect(frame!.checksum).to.equal(Checksum.Partial);
        expect(frame!.network).to.equal(frame!.start + 14);
        expect(frame!.transport).to.equal(frame!.start + 34);
        frame!.release();
      });

      it('the kernel completes a partial checksum of ours', async () => {
        const link = await openUp('tap0', '10.7.0.1', '10.7.0.2');
        link.send(frameToKernel(ns, pool, UDP, rawUdp([4000, 9], bytesOf('odd')), true), NOW);
        const [answer] = take(link);
        expect(getU16(answer!.bytes, answer!.start + 14 + 20)).to.equal(0x0303);
        answer!.release();
      });

      it('the kernel cuts a super-segment of ours into segments with correct checksums', async () => {
        const [near, far] = await forwarding({}, { offload: false });
        const text = Uint8Array.from({ length: 60_000 }, (_, i) => i * 7);
        near.send(superSegment(text, 1448), NOW);
        const frames = take(far);
        expect(frames.length).to.equal(Math.ceil(60_000 / 1448));
        const joined = new Uint8Array(60_000);
        for (const frame of frames) {
          expect(frame.length).to.be.at.most(1514);
          expectValidChecksum(frame, 14);
          joined.set(frame.view().subarray(54), getU32(frame.bytes, frame.start + 38) - 1000);
          frame.release();
        }
        expect(joined).to.deep.equal(text);
        expect(drops.snapshot()).to.deep.equal({});
      });

      it('a super-segment crosses the kernel in one piece to another TAP that takes it', async () => {
        const [near, far] = await forwarding({}, {});
        const text = Uint8Array.from({ length: 64_000 }, (_, i) => i * 5);
        near.send(superSegment(text, 1400), NOW);
        const frames = take(far);
        expect(frames.length).to.equal(1);
        expect(frames[0]).to.include({ gsoSize: 1400, checksum: Checksum.Partial });
        expect(frames[0]!.view().subarray(54)).to.deep.equal(text);
        // And once more: what came in may be sent on as it is.
        far.send(frames[0]!, NOW);
        expect(drops.snapshot()).to.deep.equal({});
      });

      it('short frames do not hold on to large buffers', async () => {
        const link = await openUp('tap0', '10.7.0.1', '10.7.0.2');
        await udpFromKernel(ns, '10.7.0.2', 7, 'hello');
        const [frame] = take(link);
        expect(frame!.bytes.length).to.be.at.most(2048);
        frame!.release();
      });

      it('a super-segment of anything but TCP is a counted drop', async () => {
        const link = await openUp('tap0', '10.7.0.1', '10.7.0.2');
        const frame = frameToKernel(ns, pool, UDP, rawUdp([4000, 9], new Uint8Array(3000)), true);
        frame.gsoSize = 1400;
        link.send(frame, NOW);
        expect(drops.snapshot()).to.deep.equal({ 'link-not-cuttable': 1 });
      });
    });

    describe('down and gone', () => {
      it('an interface that is down refuses frames as counted drops, and works once it is up', async () => {
        const link = await open('tap0');
        link.send(pool.from(new Uint8Array(60)), NOW);
        expect(drops.snapshot()).to.deep.equal({ 'link-down': 1 });
        ns.ip('link set tap0 up');
        link.send(pool.from(new Uint8Array(60)), NOW);
        expect(drops.snapshot()).to.deep.equal({ 'link-down': 1 });
      });

      it('a frame that the kernel calls malformed is a counted drop', async () => {
        const link = await openUp('tap0', '10.7.0.1', '10.7.0.2');
        link.send(pool.from(new Uint8Array(5)), NOW);
        expect(drops.snapshot()).to.deep.equal({ 'link-refused': 1 });
      });

      it('tells once when the device is deleted under it, and is down from then on', async () => {
        const lost: string[] = [];
        const link = await open('tap0', { onLost: (error) => lost.push(error.code) });
        let wakes = 0;
        link.start(() => wakes++);
        ns.ip('link delete tap0');
        await sleep(20);
        expect(wakes).to.be.within(1, 2);
        expect(take(link)).to.deep.equal([]);
        link.send(pool.from(new Uint8Array(60)), NOW);
        expect(lost).to.deep.equal(['EBADFD']);
        expect(drops.snapshot()).to.deep.equal({ 'link-down': 1 });
      });

      it('close gives everything back, twice is allowed, and later calls do nothing', async () => {
        const before = [openTaps(), openRings()] as const;
        const link = await openUp('tap0', '10.7.0.1', '10.7.0.2');
        link.start(() => undefined);
        take(link);
        expect([openTaps(), openRings()]).to.deep.equal([before[0] + 1, before[1] + (hasRing() ? 1 : 0)]);
        link.close();
        link.close();
        expect([openTaps(), openRings()]).to.deep.equal(before);
        expect(pool.inUse).to.equal(0);
        expect(take(link)).to.deep.equal([]);
        link.send(pool.from(new Uint8Array(60)), NOW);
        link.start(() => undefined);
        expect(drops.snapshot()).to.deep.equal({ 'link-down': 1 });
        expect(pool.inUse).to.equal(0);
      });
    });

    describe('many frames', () => {
      for (const offload of [false, true]) {
        it(`come in order, within the budget, with offload ${offload ? 'on' : 'off'}`, async () => {
          const link = await openUp('tap0', '10.7.0.1', '10.7.0.2', { offload });
          await burstFromKernel(ns, '10.7.0.2', 500, 3);
          const numbers: number[] = [];
          const counts: number[] = [];
          for (let count = -1; count !== 0; counts.push(count)) {
            count = link.receive(
              (frame) => {
                numbers.push(getU16(frame.bytes, frame.start + 42));
                frame.release();
              },
              NOW,
              150,
            );
          }
          expect(counts).to.deep.equal([150, 150, 150, 50, 0]);
          expect(numbers).to.deep.equal(Array.from({ length: 500 }, (_, i) => i));
          link.close();
          expect(pool.inUse).to.equal(0);
        });
      }

      it('sent while corked they arrive in order, large ones among them, all of them at the latest when uncorked', async () => {
        const [near, far] = await forwarding({}, {});
        const sent: number[] = [];
        near.cork!(true);
        for (let i = 0; i < 300; i++) {
          const large = i % 97 === 96;
          const text = new Uint8Array(large ? 8000 : 10);
          text.set([i >> 8, i]);
          near.send(large ? superSegment(text, 1400) : numbered(text), NOW);
          sent.push(i);
        }
        const early = take(far);
        near.cork!(false);
        const frames = [...early, ...take(far)];
        expect(frames.map((frame) => getU16(frame.bytes, frame.start + (frame.gsoSize > 0 ? 54 : 42)))).to.deep.equal(
          sent,
        );
        if (hasRing()) expect(early).to.have.length.within(200, 299);
        else expect(early).to.have.length(300);
        for (const frame of frames) frame.release();
        expect(drops.snapshot()).to.deep.equal({});
        near.send(numbered(bytesOf('at once')), NOW);
        const last = take(far);
        expect(last).to.have.length(1);
        last[0]!.release();
      });

      it('sent while corked, before the link is closed, they arrive', async () => {
        const [near, far] = await forwarding({}, {});
        near.cork!(true);
        for (let i = 0; i < 5; i++) near.send(numbered(Uint8Array.of(0, i)), NOW);
        near.close();
        const frames = take(far);
        expect(frames).to.have.length(5);
        for (const frame of frames) frame.release();
      });

      it('sent while corked to a device that is down, or goes away, they are counted drops', async () => {
        const lost: string[] = [];
        const link = await open('tap0', { onLost: (error) => lost.push(error.code) });
        const sendSome = (): void => {
          link.cork!(true);
          for (let i = 0; i < 5; i++) link.send(pool.from(new Uint8Array(60)), NOW);
        };
        const inBatches = hasRing();
        sendSome();
        link.cork!(false);
        expect(drops.snapshot()).to.deep.equal({ 'link-down': 5 });
        sendSome();
        ns.ip('link delete tap0');
        link.cork!(false);
        expect(drops.snapshot()).to.deep.equal({ 'link-down': 10 });
        expect(lost).to.deep.equal(inBatches ? ['EBADFD'] : []);
        sendSome();
        link.cork!(false);
        expect(drops.snapshot()).to.deep.equal({ 'link-down': 15 });
        expect(lost).to.deep.equal(['EBADFD']);
        expect(pool.inUse).to.equal(0);
      });

      it('a link that its owner closes amid a batch hands nothing more up, and keeps nothing', async () => {
        const link = await openUp('tap0', '10.7.0.1', '10.7.0.2');
        await burstFromKernel(ns, '10.7.0.2', 100, 3);
        let taken = 0;
        link.receive(
          (frame) => {
            frame.release();
            if (++taken === 20) link.close();
          },
          NOW,
          1000,
        );
        expect(taken).to.equal(20);
        expect(pool.inUse).to.equal(0);
      });
    });

    describe('waking', () => {
      it('wakes when a frame comes, and not in a loop while nobody fetches it', async () => {
        const link = await openUp('tap0', '10.7.0.1', '10.7.0.2');
        let wakes = 0;
        link.start(() => wakes++);
        await udpFromKernel(ns, '10.7.0.2', 7, 'one');
        await sleep(20);
        expect(wakes).to.be.within(1, 2);
        for (const frame of take(link)) frame.release();
        wakes = 0;
        await udpFromKernel(ns, '10.7.0.2', 7, 'two');
        await sleep(20);
        expect(wakes).to.be.within(1, 2);
        for (const frame of take(link)) frame.release();
      });

      it('does not wake an owner that looks by itself, and at once when it wants to be woken again', async () => {
        const link = await openUp('tap0', '10.7.0.1', '10.7.0.2');
        let wakes = 0;
        link.start(() => wakes++);
        link.wantWakes!(false);
        await udpFromKernel(ns, '10.7.0.2', 7, 'one');
        await sleep(20);
        expect(wakes).to.equal(0);
        link.wantWakes!(true);
        await sleep(20);
        expect(wakes).to.be.within(1, 2);
        link.wantWakes!(false);
        for (const frame of take(link)) frame.release();
        await udpFromKernel(ns, '10.7.0.2', 7, 'two');
        await sleep(20);
        expect(wakes).to.be.within(1, 2);
        for (const frame of take(link)) frame.release();
      });

      it('receive hands out at most its budget', async () => {
        const link = await openUp('tap0', '10.7.0.1', '10.7.0.2');
        for (let i = 0; i < 3; i++) await udpFromKernel(ns, '10.7.0.2', 7, `${i}`);
        const release = (frame: Frame): void => frame.release();
        expect(link.receive(release, NOW, 2)).to.equal(2);
        expect(link.receive(release, NOW, 2)).to.equal(1);
        expect(link.receive(release, NOW, 2)).to.equal(0);
      });

      it('with the driver: the kernel pings a host that is nothing but an echo', async () => {
        const link = await openUp('tap0', '10.7.0.1', '10.7.0.2', { offload: false });
        const driver = new Driver(echoHost(link), [link], new MonotonicClock());
        driver.start();
        try {
          const { stdout, code } = await ns.exec('ping', ['-c', '20', '-i', '0.005', '-q', '10.7.0.2']);
          expect(stdout).to.contain('20 received');
          expect(code).to.equal(0);
        } finally {
          driver.close();
        }
        expect(pool.inUse).to.equal(0);
      });
    });

    /** Two TAPs with the kernel as the router between them. */
    async function forwarding(near: TapOptions, far: TapOptions): Promise<[Link, Link]> {
      const result: [Link, Link] = [
        await openUp('tap0', '10.7.0.1', '10.7.0.2', near),
        await openUp('tap1', '10.8.0.1', '10.8.0.2', far),
      ];
      const { code } = await ns.exec('sysctl', ['-q', '-w', 'net.ipv4.ip_forward=1']);
      expect(code).to.equal(0);
      return result;
    }

    const numbered = (text: Uint8Array): Frame =>
      frameToKernel(ns, pool, UDP, rawUdp([4000, 9], text), true, '10.8.0.2');

    function superSegment(text: Uint8Array, gsoSize: number): Frame {
      const frame = frameToKernel(ns, pool, TCP, rawTcp([4000, 9], 1000, ACK_PSH, text), true, '10.8.0.2');
      frame.gsoSize = gsoSize;
      return frame;
    }
  });

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** All frames that wait. */
function take(link: Link): Frame[] {
  const frames: Frame[] = [];
  link.receive((frame) => frames.push(frame), NOW, 1000);
  return frames;
}

/** No router solicitations, listener reports or duplicate address detection on the device. */
function quiet(ns: Namespace, device: string): void {
  ns.ip(`link set ${device} addrgenmode none`);
  ns.ip(`link set ${device} multicast off`);
}

async function udpFromKernel(ns: Namespace, to: string, port: number, text: string): Promise<void> {
  const script =
    'import socket,sys; s=socket.socket(2,2); s.sendto(sys.stdin.buffer.read(),(sys.argv[1],int(sys.argv[2])))';
  const result = await ns.exec('python3', ['-c', script, to, `${port}`], { input: text });
  expect(result.stderr).to.equal('');
}

/** So many datagrams at once, each with its number in front. */
async function burstFromKernel(ns: Namespace, to: string, count: number, length: number): Promise<void> {
  const script =
    'import socket,sys; s=socket.socket(2,2); n=int(sys.argv[3])\n' +
    "for i in range(int(sys.argv[2])): s.sendto(i.to_bytes(2,'big')+bytes(n),(sys.argv[1],9))";
  const result = await ns.exec('python3', ['-c', script, to, `${count}`, `${length}`]);
  expect(result.stderr).to.equal('');
}

/** A frame to the kernel's side of tap0, from 10.7.0.2. */
function frameToKernel(
  ns: Namespace,
  pool: FramePool,
  protocol: number,
  transport: Uint8Array,
  partial: boolean,
  destination = '10.7.0.1',
): Frame {
  const checksumAt = protocol === TCP ? 16 : 6;
  const addresses = { source: '10.7.0.2', destination, sourceMac: mac(OUR_MAC), destinationMac: mac(ns.mac('tap0')) };
  return rawFrame(pool, { ...addresses, protocol, transport, checksumAt }, partial);
}

function expectValidChecksum(frame: Frame, network: number): void {
  const { bytes } = frame;
  const at = frame.start + network;
  const length = getU16(bytes, at + 2) - 20;
  const pseudo = pseudoHeaderSum(getU32(bytes, at + 12), getU32(bytes, at + 16), bytes[at + 9]!);
  expect(sumIsValid(sumBytes(bytes, at + 20, length, pseudo + length))).to.equal(true);
}

/** Descriptors of this process on /dev/net/tun, and rings. */
const openTaps = (): number => descriptors((path) => path === '/dev/net/tun');
const openRings = (): number => descriptors((path) => path.includes('io_uring'));

const descriptors = (isWanted: (path: string) => boolean): number =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return isWanted(readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      return false;
    }
  }).length;

async function rejection(promise: Promise<unknown>): Promise<TapError> {
  try {
    await promise;
  } catch (error) {
    expect(error).to.be.instanceOf(TapError);
    return error as TapError;
  }
  throw new Error('it did not fail');
}

/** Answers each echo request in place and drops all else. */
function echoHost(link: Link): ConstructorParameters<typeof Driver>[0] {
  const queue: Frame[] = [];
  return {
    receive(_port, frame) {
      if (frame.bytes[frame.start + 34] === 8) queue.push(frame);
      else frame.release();
    },
    poll(now) {
      for (const frame of queue.splice(0)) {
        const { bytes, start } = frame;
        bytes.copyWithin(start, start + 6, start + 12);
        const source = bytes.slice(start + 26, start + 30);
        bytes.copyWithin(start + 26, start + 30, start + 34);
        bytes.set(source, start + 30);
        bytes[start + 34] = 0;
        // The type went from 8 to 0: the checksum rises by 0x0800. RFC 1624.
        const sum = getU16(bytes, start + 36) + 0x0800;
        bytes[start + 36] = (sum + (sum >>> 16)) >>> 8;
        bytes[start + 37] = sum + (sum >>> 16);
        link.send(frame, now);
      }
    },
    nextDeadline: () => NEVER,
    get pending() {
      return queue.length > 0;
    },
  };
}
