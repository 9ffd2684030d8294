import { expect } from 'chai';
import { FramePool } from '../../src/core/frame.ts';
import { markCongestion } from '../../src/link/congestion-mark.ts';
import { buildPacket, naiveSum } from './packets.ts';

/** A frame with the ECN field and a header checksum that is right. */
function packet(tos: number, spec: Parameters<typeof buildPacket>[0] = {}): { bytes: Uint8Array; network: number } {
  const { bytes, network, transport } = buildPacket({ text: new Uint8Array(30), ...spec });
  bytes[network + 1] = tos;
  bytes.fill(0, network + 10, network + 12);
  const sum = 0xffff - naiveSum(bytes, network, transport);
  bytes.set([sum >> 8, sum & 255], network + 10);
  return { bytes, network };
}

describe('link/congestion-mark', () => {
  for (const [name, spec] of [
    ['plain', {}],
    ['IP options', { ipOptions: Uint8Array.of(1, 1, 1, 0) }],
    ['a VLAN tag', { vlan: true }],
  ] as const) {
    for (const tos of [0x01, 0x02, 0x03, 0xb9, 0xfe]) {
      it(`${name}: TOS ${tos.toString(16)} becomes CE, and the checksum stays right`, () => {
        const pool = new FramePool();
        const { bytes, network } = packet(tos, spec);
        const frame = pool.from(bytes);
        const marked = markCongestion(frame)!;
        const got = marked.view().slice();
        expect(got[network + 1]).to.equal(tos | 3);
        expect(naiveSum(got, network, network + (got[network]! & 15) * 4)).to.equal(0xffff);
        got.set(bytes.subarray(network, network + 12), network);
        expect(got, 'nothing else has changed').to.deep.equal(bytes);
        marked.release();
        expect(pool.inUse).to.equal(0);
      });
    }
  }

  it('every checksum there is: identification by identification', () => {
    const pool = new FramePool();
    for (let id = 0; id < 0x1_0000; id += 251) {
      const { bytes, network } = packet(0x02, { id });
      const marked = markCongestion(pool.from(bytes))!;
      expect(naiveSum(marked.bytes, marked.start + network, marked.start + network + 20), String(id)).to.equal(0xffff);
      marked.release();
    }
  });

  it('a frame that somebody else holds is left alone', () => {
    const pool = new FramePool();
    const { bytes } = packet(0x02);
    const frame = pool.from(bytes).retain();
    const marked = markCongestion(frame)!;
    expect(marked).to.not.equal(frame);
    expect(frame.view()).to.deep.equal(bytes);
    frame.release();
    marked.release();
    expect(pool.inUse).to.equal(0);
  });

  it('not ECT, or no IPv4: cannot be marked', () => {
    const pool = new FramePool();
    expect(markCongestion(pool.from(packet(0xb8).bytes))).to.equal(undefined);
    expect(markCongestion(pool.from(new Uint8Array(64).fill(0xff)))).to.equal(undefined);
  });
});
