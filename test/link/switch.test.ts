import { expect } from 'chai';
import { FramePool } from '../../src/core/frame.ts';
import { micros, NEVER, MINUTE } from '../../src/core/time.ts';
import { EthernetSwitch } from '../../src/link/switch.ts';
import { drain, plainFrame } from './packets.ts';

const T0 = micros(0);

/** A switch with hosts 1, 2, 3 ... at its ports. */
function setUp(
  ports = 3,
  options = {},
): { pool: FramePool; device: EthernetSwitch; send: Send; got: (now?: number) => number[] } {
  const pool = new FramePool();
  const device = new EthernetSwitch({ ports, ...options });
  const send: Send = (port, from, to, now = 0) =>
    device.ports[port - 1]!.send(plainFrame(pool, 60, 0, from, to), micros(now));
  /** How many frames each port got. */
  const got = (now = 0): number[] => device.ports.map((port) => drain(port, now).length);
  return { pool, device, send, got };
}
type Send = (port: number, from: number, to: number, now?: number) => void;

describe('link/switch', () => {
  it('floods an unknown destination, then sends to where it was seen', () => {
    const { pool, send, got } = setUp();
    send(1, 1, 2);
    expect(got()).to.deep.equal([0, 1, 1]);
    send(2, 2, 1);
    expect(got()).to.deep.equal([1, 0, 0]);
    send(1, 1, 2);
    expect(got()).to.deep.equal([0, 1, 0]);
    expect(pool.inUse).to.equal(0);
  });

  it('floods broadcast and multicast, to all but the sender', () => {
    const { pool, device, got } = setUp(4);
    for (const first of [
      [255, 255, 255, 255, 255, 255],
      [1, 0, 0x5e, 0, 0, 1],
    ]) {
      const frame = plainFrame(pool, 60);
      frame.bytes.set(first, frame.start);
      device.ports[1]!.send(frame, T0);
      expect(got()).to.deep.equal([1, 0, 1, 1]);
    }
    expect(pool.inUse).to.equal(0);
  });

  it('gives each receiver of a flood octets of its own', () => {
    const { pool, device, send } = setUp();
    send(1, 1, 9);
    device.ports[1]!.receive(
      (frame) => {
        frame.bytes.fill(0xff, frame.start, frame.end);
        frame.release();
      },
      T0,
      1,
    );
    const [other] = drain(device.ports[2]!, 0);
    expect(other![5]).to.equal(9);
    expect(pool.inUse).to.equal(0);
  });

  it('follows a station that moves', () => {
    const { send, got } = setUp();
    send(1, 1, 9);
    send(3, 1, 9);
    got();
    send(2, 2, 1);
    expect(got()).to.deep.equal([0, 0, 1]);
  });

  it('IEEE 802.1D §7.9.2: forgets an address after five minutes of silence', () => {
    const { device, send, got } = setUp();
    send(1, 1, 9);
    got();
    const late = 5 * MINUTE;
    send(2, 2, 1, late - 1);
    expect(got(late)).to.deep.equal([1, 0, 0]);
    send(2, 2, 1, late);
    expect(got(late)).to.deep.equal([1, 0, 1]);
    expect(device.table(micros(late)).map((entry) => entry.port)).to.deep.equal([1]);
  });

  it('keeps a bounded table: the address silent for longest goes first', () => {
    const { device, send, got } = setUp(2, { maxAddresses: 3 });
    for (const [now, host] of [1, 2, 3, 1, 4].entries()) send(1, host, 9, now);
    got(9);
    expect(device.table(micros(9)).map((entry) => entry.address & 0xff)).to.deep.equal([3, 1, 4]);
  });

  it('does not learn a group address as a source', () => {
    const { pool, device } = setUp();
    const frame = plainFrame(pool, 60);
    frame.bytes[frame.start + 6] = 3;
    device.ports[0]!.send(frame, T0);
    expect(device.table(T0)).to.deep.equal([]);
  });

  it('refuses with a reason: same port, reserved address, no other port, too short, too long, closed', () => {
    const { pool, device, send, got } = setUp(2);
    send(1, 1, 9);
    got();
    send(1, 2, 1);
    const reserved = plainFrame(pool, 60);
    reserved.bytes.set([1, 0x80, 0xc2, 0, 0, 0x0e], reserved.start);
    device.ports[0]!.send(reserved, T0);
    device.ports[0]!.send(pool.from(new Uint8Array(13)), T0);
    device.ports[0]!.send(plainFrame(pool, 1515), T0);
    device.ports[1]!.close();
    send(1, 1, 9);
    send(2, 2, 1);
    expect(device.drops.snapshot()).to.deep.equal({
      'switch-same-port': 1,
      'switch-reserved': 1,
      'link-too-short': 1,
      'link-too-long': 1,
      'switch-no-port': 1,
      'link-down': 1,
    });
    expect(got()).to.deep.equal([0, 0]);
    expect(pool.inUse).to.equal(0);
  });

  it('bounds the queue of each port', () => {
    const { pool, device, send } = setUp(2, { queueFrames: 2 });
    for (let i = 0; i < 5; i++) send(1, 1, 9);
    expect(device.drops.count('link-queue-full')).to.equal(3);
    expect(drain(device.ports[1]!, 0, 9)).to.have.length(2);
    expect(pool.inUse).to.equal(0);
  });

  it('wakes a host for its frames; names its ports', () => {
    const { device, send } = setUp();
    let wakes = 0;
    device.ports[1]!.start(() => wakes++);
    expect(device.ports[1]!.nextDeadline()).to.equal(NEVER);
    send(1, 1, 2, 7);
    expect(wakes).to.equal(1);
    expect(device.ports[1]!.nextDeadline()).to.equal(7);
    expect(device.ports.map((port) => port.name)).to.deep.equal(['port1', 'port2', 'port3']);
    expect(new EthernetSwitch({ ports: ['a', 'b'] }).ports[1]!.name).to.equal('b');
  });
});
