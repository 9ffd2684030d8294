import { expect } from 'chai';
import fc from 'fast-check';
import { Checksum, FramePool } from '../../src/core/frame.ts';
import type { Frame } from '../../src/core/frame.ts';
import {
  applyVnetHeader,
  VNET_LAYOUT,
  VNET_LENGTH,
  VnetFlags,
  VnetGso,
  writeVnetHeader,
} from '../../src/link/vnet-header.ts';
import { mac, rawFrame, rawTcp, rawUdp } from '../support/raw-frames.ts';

const MACS = { sourceMac: mac('02:00:00:00:00:01'), destinationMac: mac('02:00:00:00:00:02') };
const ADDRESSES = { source: '10.0.0.1', destination: '10.0.0.2' };

describe('link/vnet-header', () => {
  const pool = new FramePool();

  const tcp = (flags = 0x10, text = new Uint8Array(100)): Frame =>
    rawFrame(
      pool,
      { ...MACS, ...ADDRESSES, protocol: 6, transport: rawTcp([1, 2], 3, flags, text), checksumAt: 16 },
      true,
    );
  const udp = (): Frame =>
    rawFrame(
      pool,
      { ...MACS, ...ADDRESSES, protocol: 17, transport: rawUdp([1, 2], new Uint8Array(9)), checksumAt: 6 },
      true,
    );
  const written = (frame: Frame): ReturnType<typeof VNET_LAYOUT.decode> => {
    expect(writeVnetHeader(frame)).to.equal(true);
    return VNET_LAYOUT.decode(Buffer.from(frame.bytes), frame.start - VNET_LENGTH);
  };
  const NOTHING = { flags: 0, gsoType: 0, hdrLen: 0, gsoSize: 0, csumStart: 0, csumOffset: 0 };

  it('has the 10 octets of struct virtio_net_hdr', () => {
    expect(VNET_LENGTH).to.equal(10);
    expect(VNET_LAYOUT.offsetOf('gsoSize')).to.equal(4);
    expect(VNET_LAYOUT.offsetOf('csumOffset')).to.equal(8);
  });

  describe('out', () => {
    it('a frame with nothing left to do has an empty header, whatever lay in front of it', () => {
      const frame = pool.from(new Uint8Array(60));
      frame.bytes.fill(0xff, 0, frame.start);
      expect(written(frame)).to.deep.equal(NOTHING);
    });

    it('a checksum that a link vouched for is complete in the frame', () => {
      const frame = pool.from(new Uint8Array(60));
      frame.checksum = Checksum.Verified;
      expect(written(frame)).to.deep.equal(NOTHING);
    });

    it('a partial checksum of TCP lies 16 octets into its header, of UDP 6', () => {
      const csum = { ...NOTHING, flags: VnetFlags.NeedsChecksum, csumStart: 34 };
      expect(written(tcp())).to.deep.equal({ ...csum, csumOffset: 16 });
      expect(written(udp())).to.deep.equal({ ...csum, csumOffset: 6 });
    });

    it('a super-segment tells its header length and segment size', () => {
      const frame = tcp();
      frame.gsoSize = 1448;
      expect(written(frame)).to.include({ gsoType: VnetGso.TcpV4, hdrLen: 54, gsoSize: 1448 });
    });

    it('RFC 3168 section 6.1.2: a super-segment with CWR says so, since only its first piece keeps the flag', () => {
      const frame = tcp(0x90);
      frame.gsoSize = 1448;
      expect(written(frame).gsoType).to.equal(VnetGso.TcpV4 | VnetGso.Ecn);
    });

    it('over IPv6 the protocol is the next header', () => {
      const frame = tcp();
      frame.bytes[frame.network] = 0x60;
      frame.bytes[frame.network + 6] = 6;
      frame.gsoSize = 1440;
      expect(written(frame)).to.include({ gsoType: VnetGso.TcpV6, csumOffset: 16 });
    });

    const REFUSED: readonly [title: string, change: (frame: Frame) => void][] = [
      ['a partial checksum of another protocol', (frame) => (frame.bytes[frame.network + 9] = 132)],
      ['a partial checksum without a transport offset', (frame) => (frame.transport = -1)],
      [
        'a super-segment with a complete checksum',
        (frame) => ((frame.checksum = Checksum.Full), (frame.gsoSize = 1448)),
      ],
      ['a super-segment of UDP', (frame) => ((frame.bytes[frame.network + 9] = 17), (frame.gsoSize = 1448))],
    ];
    for (const [title, change] of REFUSED) {
      it(`refuses ${title}`, () => {
        const frame = tcp();
        change(frame);
        expect(writeVnetHeader(frame)).to.equal(false);
      });
    }
  });

  describe('in', () => {
    const received = (header: object): Frame => {
      const frame = pool.from(new Uint8Array(60));
      const bytes = Buffer.alloc(VNET_LENGTH);
      VNET_LAYOUT.encode({ ...NOTHING, ...header }, bytes);
      applyVnetHeader(frame, bytes, 0);
      return frame;
    };

    it('an empty header tells nothing', () => {
      expect(received({})).to.include({ checksum: Checksum.Full, gsoSize: 0, network: -1, transport: -1 });
    });

    it('DATA_VALID: the checksum is verified', () => {
      expect(received({ flags: VnetFlags.DataValid }).checksum).to.equal(Checksum.Verified);
    });

    it('NEEDS_CSUM: the checksum is partial, and the offsets are known', () => {
      const frame = received({ flags: VnetFlags.NeedsChecksum, csumStart: 34, csumOffset: 16 });
      expect(frame).to.include({ checksum: Checksum.Partial, network: frame.start + 14, transport: frame.start + 34 });
    });

    for (const [name, gsoType] of [
      ['TCPv4', VnetGso.TcpV4],
      ['TCPv6', VnetGso.TcpV6],
      ['TCPv4 with ECN', VnetGso.TcpV4 | VnetGso.Ecn],
    ] as const) {
      it(`a super-segment of ${name} brings its segment size`, () => {
        expect(received({ gsoType, gsoSize: 1400 }).gsoSize).to.equal(1400);
      });
    }

    it('any octets: the facts are what buffer-layout reads', () => {
      fc.assert(
        fc.property(fc.uint8Array({ minLength: VNET_LENGTH, maxLength: VNET_LENGTH }), (bytes) => {
          const header = VNET_LAYOUT.decode(Buffer.from(bytes));
          const frame = pool.from(new Uint8Array(60));
          applyVnetHeader(frame, bytes, 0);
          const partial = (header.flags & VnetFlags.NeedsChecksum) !== 0;
          expect(frame.checksum === Checksum.Partial).to.equal(partial);
          expect(frame.transport).to.equal(partial ? frame.start + header.csumStart : -1);
          if (frame.gsoSize > 0) expect(frame.gsoSize).to.equal(header.gsoSize);
          frame.release();
        }),
      );
    });
  });
});
