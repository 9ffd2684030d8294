import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { makeContext } from '../../src/core/context.ts';
import { FramePool } from '../../src/core/frame.ts';
import { SeededRandom } from '../../src/core/random.ts';
import { micros } from '../../src/core/time.ts';
import { cable } from '../../src/link/cable.ts';
import { impair } from '../../src/link/impair.ts';
import { PcapFile } from '../../src/link/pcap-file.ts';
import { CaptureBuffer, pcap, PcapWriter } from '../../src/link/pcap.ts';
import { readPcapng } from '../../src/link/pcapng.ts';
import { segmented } from '../../src/link/segmentation.ts';
import { checksumsRight, drain, partialFrame, plainFrame } from './packets.ts';

const has = (program: string): boolean => spawnSync(program, ['-v']).status === 0;
const textOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 31) & 0xff);

/** A small run over an impaired cable with a capture at each end; returns the file. */
function captureRun(seed: number): Uint8Array {
  const context = makeContext(new SeededRandom(seed));
  const buffer = new CaptureBuffer();
  const writer = new PcapWriter(buffer.sink);
  const [near, far] = cable({ names: ['near', 'far'], delay: 250, bandwidth: 100e6 });
  const a = segmented(pcap(impair(near, { outgoing: { loss: 0.2 }, random: new SeededRandom(seed) }), writer), context);
  const b = segmented(pcap(far, writer), context);
  for (let i = 0; i < 5; i++) {
    const frame = partialFrame(context.frames, { text: textOf(4000 + i), seq: 1000 + 4000 * i }, 1448);
    frame.reason = `burst ${i}`;
    a.send(frame, micros(i * 1000));
    b.send(partialFrame(context.frames, { text: textOf(20), protocol: 17 }), micros(i * 1000));
    drain(b, i * 1000 + 600);
    drain(a, i * 1000 + 600);
  }
  drain(b, 1e6);
  drain(a, 1e6);
  expect(context.frames.inUse).to.equal(0);
  return buffer.bytes();
}

describe('link/pcap', () => {
  it('records both directions with time, interface, direction and reason', () => {
    const capture = readPcapng(captureRun(3));
    expect(capture.interfaces).to.deep.equal([
      { name: 'near', linkType: 1 },
      { name: 'far', linkType: 1 },
    ]);
    const first = capture.frames[0]!;
    expect(first).to.include({ time: 0, interfaceId: 0, direction: 'out', originalLength: 1502 });
    expect(first.comments).to.deep.equal(['burst 0']);
    const udp = capture.frames.find((frame) => frame.interfaceId === 0 && frame.direction === 'in')!;
    expect(udp.bytes[23]).to.equal(17);
    expect(capture.frames.every((frame) => checksumsRight(frame.bytes))).to.equal(true);
  });

  it('the same seed gives the same octets, another seed others', () => {
    expect(captureRun(3)).to.deep.equal(captureRun(3));
    expect(captureRun(3)).not.to.deep.equal(captureRun(4));
  });

  it('in front of segmentation it writes super-segments whole, with the checksum completed in the copy only', () => {
    const context = makeContext(new SeededRandom(1));
    const buffer = new CaptureBuffer();
    const [near, far] = cable();
    const link = pcap(segmented(near, context), new PcapWriter(buffer.sink));
    expect(link.checksumOffload).to.equal(true);
    link.send(partialFrame(context.frames, { text: textOf(65000) }, 1460), micros(0));
    expect(drain(far, 0)).to.have.length(45);
    const [frame] = readPcapng(buffer.bytes()).frames;
    expect(frame!.bytes.length).to.equal(65054);
    expect(checksumsRight(frame!.bytes)).to.equal(true);
  });

  it('notes why the packet that is being delivered, or sent, was dropped', () => {
    const pool = new FramePool();
    const buffer = new CaptureBuffer();
    const writer = new PcapWriter(buffer.sink);
    const context = makeContext(new SeededRandom(1));
    const [near, far] = cable({ drops: context.drops });
    context.drops.listener = (reason) => writer.annotate(reason);
    const link = pcap(near, writer);
    writer.annotate('ip-checksum');
    far.send(plainFrame(pool, 60), micros(0));
    link.receive(
      (frame) => {
        context.drops.drop('ip-checksum', frame);
        frame.release();
      },
      micros(0),
      1,
    );
    link.send(plainFrame(pool, 1600), micros(0));
    link.send(plainFrame(pool, 60), micros(0));
    drain(far, 0);
    const comments = readPcapng(buffer.bytes()).frames.map((frame) => frame.comments);
    expect(comments).to.deep.equal([
      ['dropped: ip-checksum: the header checksum is wrong (RFC 1122 §3.2.1.2)'],
      ['dropped: link-too-long: the frame is longer than the link carries'],
      [],
    ]);
  });

  it('keeps the order in which packets were seen when a receiver sends at once', () => {
    const pool = new FramePool();
    const buffer = new CaptureBuffer();
    const writer = new PcapWriter(buffer.sink);
    const [near, far] = cable();
    const link = pcap(near, writer);
    far.send(plainFrame(pool, 60, 1), micros(0));
    link.receive(
      (frame) => {
        link.send(plainFrame(pool, 60, 2), micros(0));
        writer.annotate('link-down');
        frame.release();
      },
      micros(0),
      1,
    );
    const frames = readPcapng(buffer.bytes()).frames;
    expect(frames.map((frame) => frame.bytes[20])).to.deep.equal([1, 2]);
    expect(frames.map((frame) => frame.comments.length)).to.deep.equal([1, 0]);
    drain(far, 0);
  });

  it('stamps with wall time when given an epoch, and stops at its size', () => {
    const pool = new FramePool();
    const buffer = new CaptureBuffer();
    const writer = new PcapWriter(buffer.sink, { epoch: 1_700_000_000_000_000, maxOctets: 500 });
    const [near, far] = cable();
    const link = pcap(near, writer);
    for (let i = 0; i < 6; i++) link.send(plainFrame(pool, i === 2 ? 400 : 60), micros(i));
    drain(far, 9);
    expect(readPcapng(buffer.bytes()).frames.map((frame) => frame.time)).to.deep.equal([
      1_700_000_000_000_000, 1_700_000_000_000_001,
    ]);
    expect(writer.skipped).to.equal(4);
  });

  describe('files', () => {
    let folder: string;
    before(() => (folder = mkdtempSync(join(tmpdir(), 'tapstack-pcap-'))));
    after(() => rmSync(folder, { recursive: true }));

    it('a file on disk holds the same octets', () => {
      const path = join(folder, 'file.pcapng');
      const file = new PcapFile(path);
      const parts = [textOf(10), textOf(70_000), textOf(40_000), textOf(40_000)];
      for (const part of parts) file.sink(part);
      file.flush();
      file.flush();
      file.close();
      file.close();
      file.sink(textOf(5));
      expect(readFileSync(path).equals(Buffer.concat(parts))).to.equal(true);
    });

    it('tshark finds no bad checksum and nothing malformed, and shows the comments', function () {
      if (!has('tshark')) this.skip();
      const path = join(folder, 'run.pcapng');
      writeFileSync(path, captureRun(3));
      const fields = [
        'ip.checksum.status',
        'tcp.checksum.status',
        'udp.checksum.status',
        '_ws.malformed',
        'frame.comment',
      ];
      const options = ['ip', 'tcp', 'udp'].flatMap((name) => ['-o', `${name}.check_checksum:TRUE`]);
      const args = ['-r', path, '-T', 'fields', ...options, ...fields.flatMap((field) => ['-e', field])];
      const rows = execFileSync('tshark', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
        .replace(/\n$/, '')
        .split('\n');
      expect(rows.length).to.equal(readPcapng(readFileSync(path)).frames.length);
      for (const row of rows) {
        const [ip, tcp, udp, bad] = row.split('\t');
        expect([ip, `${tcp}${udp}`, bad]).to.deep.equal(['1', '1', '']);
      }
      expect(rows[0]).to.contain('burst 0');
    }).timeout(60_000);

    it('capinfos reads the file whole', function () {
      if (!has('capinfos')) this.skip();
      const path = join(folder, 'info.pcapng');
      writeFileSync(path, captureRun(3));
      const text = execFileSync('capinfos', ['-M', path], { encoding: 'utf8' });
      expect(text).to.contain('tapstack');
      expect(text).to.match(new RegExp(`Number of packets: +${readPcapng(readFileSync(path)).frames.length}\\b`));
    }).timeout(60_000);
  });
});
