import { expect } from 'chai';
import { Errno } from '../../../src/core/errno.ts';
import { parseAddress } from '../../../src/ip/address.ts';
import type { IpErrorReport } from '../../../src/ip/service.ts';
import { OVERHEAD } from '../../../src/socket/inet/datagram-queue.ts';
import { ErrorQueue, icmpError, localError } from '../../../src/socket/inet/error-queue.ts';
import { InetNames } from '../../../src/socket/inet/names.ts';

const PEER = parseAddress('10.0.0.9')!;
const names = new InetNames();

const report = (changes: Partial<IpErrorReport> = {}): IpErrorReport => ({
  from: parseAddress('10.0.0.254')!,
  source: parseAddress('10.0.0.1')!,
  destination: PEER,
  protocol: 17,
  type: 3,
  code: 4,
  errno: Errno.EMSGSIZE,
  hard: false,
  mtu: 1400,
  ttl: 63,
  tos: 0xc0,
  interfaceId: 2,
  ...changes,
});

describe('socket/inet/error-queue', () => {
  it('ip(7): struct sock_extended_err of an ICMP error, and a copy of what was quoted', () => {
    const quoted = Uint8Array.of(1, 2, 3);
    const error = icmpError(report(), 80, quoted, names);
    quoted.fill(0);
    expect(error).to.deep.equal({
      error: { errno: Errno.EMSGSIZE, origin: 2, type: 3, code: 4, info: 1400, offender: '10.0.0.254' },
      message: {
        source: parseAddress('10.0.0.254'),
        destination: parseAddress('10.0.0.1'),
        interfaceId: 2,
        ttl: 63,
        tos: 0xc0,
      },
      address: PEER,
      port: 80,
      data: Uint8Array.of(1, 2, 3),
    });
  });

  it('ip(7): a local error has neither type, code nor offender', () => {
    const { error, data } = localError(Errno.EMSGSIZE, 1500, PEER, 80);
    expect(error).to.deep.equal({
      errno: Errno.EMSGSIZE,
      origin: 1,
      type: 0,
      code: 0,
      info: 1500,
      offender: undefined,
    });
    expect(data).to.have.length(0);
  });

  it('the next error that came by ICMP is the pending one', () => {
    const queue = new ErrorQueue();
    queue.push(localError(Errno.EMSGSIZE, 1500, PEER, 80), 1e6);
    queue.push(icmpError(report({ errno: Errno.ECONNREFUSED }), 80, new Uint8Array(0), names), 1e6);
    queue.push(localError(Errno.EMSGSIZE, 1500, PEER, 80), 1e6);
    expect(queue.pendingAfter(queue.shift()!)).to.equal(Errno.ECONNREFUSED);
    // The one that came by ICMP was pending until now; that of this host has not changed it.
    expect(queue.pendingAfter(queue.shift()!)).to.equal(0);
    expect(queue.pendingAfter(queue.shift()!)).to.equal(undefined);
    expect([queue.size, queue.shift()]).to.deep.equal([0, undefined]);
  });

  it('is bounded: what does not fit is not kept', () => {
    const queue = new ErrorQueue();
    const limit = 2 * (OVERHEAD + 8);
    for (let i = 0; i < 5; i++) queue.push(icmpError(report(), i, new Uint8Array(8), names), limit);
    expect(queue.size).to.equal(2);
    expect(queue.shift()?.port).to.equal(0);
    queue.push(icmpError(report(), 9, new Uint8Array(8), names), limit);
    expect([queue.shift()?.port, queue.shift()?.port, queue.size]).to.deep.equal([1, 9, 0]);
    queue.push(icmpError(report(), 9, new Uint8Array(8), names), limit);
    queue.clear();
    expect(queue.size).to.equal(0);
  });
});
