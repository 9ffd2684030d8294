import { expect } from 'chai';
import { DEFAULT_CONFIG } from '../../src/core/config.ts';
import { Errno } from '../../src/core/errno.ts';
import * as c from '../../src/socket/constants.ts';
import { OptionTable, makeOptionRows } from '../../src/socket/options/table.ts';
import type { OptionRow } from '../../src/socket/options/option.ts';
import type { TcpInfo } from '../../src/tcp/service.ts';
import { FakeIp, fakeHost } from '../support/fake-services.ts';

const rows = makeOptionRows(DEFAULT_CONFIG, new FakeIp());

/** A socket that has the option. */
function open(calls: ReturnType<typeof fakeHost>['calls'], { on, name, level }: OptionRow): number {
  // Every AF_INET socket shows it, raw ones alone take it.
  if (level === c.IPPROTO_IP && name === c.IP_HDRINCL) return calls.socket(c.AF_INET, c.SOCK_RAW, c.IPPROTO_ICMP);
  switch (on) {
    case 'raw':
    case 'icmp':
      return calls.socket(c.AF_INET, c.SOCK_RAW, c.IPPROTO_ICMP);
    case 'datagram':
      return calls.socket(c.AF_INET, c.SOCK_DGRAM, 0);
    case 'unix':
      return calls.socket(c.AF_UNIX, c.SOCK_STREAM, 0);
    case 'packet':
      return calls.socket(c.AF_PACKET, c.SOCK_RAW, 0);
    default:
      return calls.socket(c.AF_INET, c.SOCK_STREAM, 0);
  }
}

describe('socket options', () => {
  it('are listed once each, under the name and number of constants.ts', () => {
    const keys = rows.map(({ level, name }) => `${level}/${name}`);
    expect(new Set(keys).size).to.equal(rows.length);
    for (const { label, name } of rows) expect((c as Record<string, unknown>)[label], label).to.equal(name);
    expect(new OptionTable(DEFAULT_CONFIG, new FakeIp()).rows).to.have.length(rows.length);
  });

  for (const row of rows) {
    const { label, level, name, type } = row;
    if (type === 'flag') {
      it(`${label}: any number but 0 is 1`, () => {
        const { calls } = fakeHost();
        const fd = open(calls, row);
        for (const [value, shown] of [
          [1, 1],
          [0, 0],
          [-7, 1],
          [false, 0],
          [true, 1],
        ] as const) {
          expect(calls.setsockopt(fd, level, name, value)).to.equal(0);
          expect(calls.getsockopt(fd, level, name)).to.equal(shown);
        }
      });
    }
    if (row.set === undefined) {
      it(`${label}: can only be read`, () => {
        const { calls } = fakeHost();
        const fd = open(calls, row);
        expect(calls.setsockopt(fd, level, name, 1)).to.equal(-Errno.ENOPROTOOPT);
      });
    } else if (type === 'int') {
      it(`${label}: refuses what is out of range or no integer`, () => {
        const { calls } = fakeHost();
        const fd = open(calls, row);
        const before = calls.getsockopt(fd, level, name);
        for (const value of [row.min - 1, row.max + 1, 1.5, NaN, { onoff: true, linger: 1 }]) {
          expect(calls.setsockopt(fd, level, name, value), JSON.stringify(value)).to.equal(-Errno.EINVAL);
        }
        expect(calls.getsockopt(fd, level, name)).to.equal(before);
      });
    }
  }

  it('SO_LINGER takes a record; the time stays when it is switched off', () => {
    const { calls } = fakeHost();
    const fd = calls.socket(c.AF_INET, c.SOCK_STREAM, 0);
    expect(calls.setsockopt(fd, c.SOL_SOCKET, c.SO_LINGER, { onoff: true, linger: 7 })).to.equal(0);
    expect(calls.setsockopt(fd, c.SOL_SOCKET, c.SO_LINGER, { onoff: false, linger: 9 })).to.equal(0);
    expect(calls.getsockopt(fd, c.SOL_SOCKET, c.SO_LINGER)).to.deep.equal({ onoff: false, linger: 7 });
    for (const value of [1, true, { onoff: true, linger: 0.5 }]) {
      expect(calls.setsockopt(fd, c.SOL_SOCKET, c.SO_LINGER, value)).to.equal(-Errno.EINVAL);
    }
  });

  it('SO_LINGER: a negative time is for ever', () => {
    const { calls } = fakeHost();
    const fd = calls.socket(c.AF_INET, c.SOCK_STREAM, 0);
    for (const value of [{ onoff: true, linger: -1 }, Uint8Array.of(1, 0, 0, 0, 255, 255, 255, 255)]) {
      expect(calls.setsockopt(fd, c.SOL_SOCKET, c.SO_LINGER, value)).to.equal(0);
      expect(calls.getsockopt(fd, c.SOL_SOCKET, c.SO_LINGER)).to.deep.equal({ onoff: true, linger: 0x7fff_ffff });
    }
  });

  for (const name of ['SO_RCVTIMEO', 'SO_SNDTIMEO'] as const) {
    it(`${name}: struct timeval, EDOM for microseconds beyond a second, 0 for none`, () => {
      const { calls } = fakeHost();
      const fd = calls.socket(c.AF_INET, c.SOCK_DGRAM, 0);
      const octets = (...words: number[]): Uint8Array => new Uint8Array(new BigInt64Array(words.map(BigInt)).buffer);
      const none = { sec: 0, usec: 0 };
      const half = { sec: 1, usec: 500_000 };
      for (const [value, result, shown] of [
        [half, 0, half],
        [{ sec: 0, usec: 1_000_000 }, -Errno.EDOM, half],
        [{ sec: 0, usec: -1 }, -Errno.EDOM, half],
        [{ sec: 0.5, usec: 0 }, -Errno.EINVAL, half],
        [3, -Errno.EINVAL, half],
        [octets(1), -Errno.EINVAL, half],
        [null, -Errno.EFAULT, half],
        [octets(2, 7), 0, { sec: 2, usec: 7 }],
        [{ sec: -1, usec: 0 }, 0, none],
        [{ sec: 0, usec: 0 }, 0, none],
      ] as const) {
        expect(calls.setsockopt(fd, c.SOL_SOCKET, c[name], value), JSON.stringify(value)).to.equal(result);
        expect(calls.getsockopt(fd, c.SOL_SOCKET, c[name])).to.deep.equal(shown);
      }
    });
  }

  it('SO_DEBUG, SO_PRIORITY above 6, SO_MARK and the forced sizes need the right to administer', () => {
    for (const mayAdminister of [true, false]) {
      const { calls } = fakeHost({ socket: { mayAdminister } });
      const fd = calls.socket(c.AF_INET, c.SOCK_STREAM, 0);
      const answer = (errno: number): number => (mayAdminister ? 0 : -errno);
      for (const [name, value, result] of [
        [c.SO_DEBUG, 0, 0],
        [c.SO_DEBUG, 1, answer(Errno.EACCES)],
        [c.SO_PRIORITY, 6, 0],
        [c.SO_PRIORITY, 7, answer(Errno.EPERM)],
        [c.SO_PRIORITY, -1, answer(Errno.EPERM)],
        [c.SO_MARK, 0, answer(Errno.EPERM)],
        [c.SO_SNDBUFFORCE, 1, answer(Errno.EPERM)],
        [c.SO_RCVBUFFORCE, 1, answer(Errno.EPERM)],
      ] as const) {
        expect(calls.setsockopt(fd, c.SOL_SOCKET, name, value), `${name}: ${value}`).to.equal(result);
      }
      expect(calls.getsockopt(fd, c.SOL_SOCKET, c.SO_PRIORITY)).to.equal(mayAdminister ? 0xffff_ffff : 6);
    }
  });

  it('SO_BINDTODEVICE takes the name of an interface; only who may use raw sockets changes it', () => {
    for (const mayUseRaw of [true, false]) {
      const { calls } = fakeHost({ socket: { mayUseRaw } });
      const fd = calls.socket(c.AF_INET, c.SOCK_DGRAM, 0);
      expect(calls.getsockopt(fd, c.SOL_SOCKET, c.SO_BINDTODEVICE)).to.equal('');
      for (const [value, result, shown] of [
        ['nosuch', -Errno.ENODEV, ''],
        [1, -Errno.ENODEV, ''],
        [null, -Errno.EFAULT, ''],
        ['', 0, ''],
        [new TextEncoder().encode('lo\0eth'), 0, 'lo'],
        ['nosuch', -Errno.ENODEV, 'lo'],
        ['lo', mayUseRaw ? 0 : -Errno.EPERM, 'lo'],
        [0, mayUseRaw ? 0 : -Errno.EPERM, mayUseRaw ? '' : 'lo'],
      ] as const) {
        expect(calls.setsockopt(fd, c.SOL_SOCKET, c.SO_BINDTODEVICE, value), String(value)).to.equal(result);
        expect(calls.getsockopt(fd, c.SOL_SOCKET, c.SO_BINDTODEVICE)).to.equal(shown);
      }
    }
  });

  it('SO_SNDBUFFORCE and SO_RCVBUFFORCE go beyond the bounds, and cannot be read', () => {
    const { calls } = fakeHost({ tcp: { maxBuffer: 50_000 } });
    const fd = calls.socket(c.AF_INET, c.SOCK_DGRAM, 0);
    for (const [force, name, least] of [
      [c.SO_SNDBUFFORCE, c.SO_SNDBUF, 4608],
      [c.SO_RCVBUFFORCE, c.SO_RCVBUF, 2304],
    ] as const) {
      for (const [asked, shown] of [
        [60_000, 120_000],
        [-1, least],
        [0x7fff_ffff, 0x7fff_fffe],
      ] as const) {
        expect(calls.setsockopt(fd, c.SOL_SOCKET, force, asked)).to.equal(0);
        expect(calls.getsockopt(fd, c.SOL_SOCKET, name)).to.equal(shown);
      }
      expect(calls.getsockopt(fd, c.SOL_SOCKET, force)).to.equal(-Errno.ENOPROTOOPT);
    }
  });

  it('reach the connection: those set before connect, and those set after', () => {
    const { calls, tcp } = fakeHost();
    const fd = calls.socket(c.AF_INET, c.SOCK_STREAM, 0);
    calls.setsockopt(fd, c.IPPROTO_TCP, c.TCP_NODELAY, 1);
    calls.setsockopt(fd, c.IPPROTO_IP, c.IP_TTL, 9);
    calls.setsockopt(fd, c.SOL_SOCKET, c.SO_LINGER, { onoff: true, linger: 2 });
    calls.connect(fd, { address: '10.0.0.9', port: 80 });
    const { options } = tcp.opened[0]!;
    expect(options).to.include({ noDelay: true, ttl: 9, linger: 2_000_000, keepalive: false });
    calls.setsockopt(fd, c.SOL_SOCKET, c.SO_KEEPALIVE, 1);
    calls.setsockopt(fd, c.IPPROTO_TCP, c.TCP_KEEPIDLE, 5);
    calls.setsockopt(fd, c.SOL_SOCKET, c.SO_RCVBUF, 100_000);
    calls.setsockopt(fd, c.SOL_SOCKET, c.SO_LINGER, { onoff: false, linger: 0 });
    expect(options).to.include({
      keepalive: true,
      keepaliveIdle: 5_000_000,
      receiveBuffer: 100_000,
      linger: undefined,
    });
    expect(calls.getsockopt(fd, c.SOL_SOCKET, c.SO_RCVBUF)).to.equal(200_000);
  });

  it('are inherited from the listener', () => {
    const { calls, tcp } = fakeHost();
    const fd = calls.socket(c.AF_INET, c.SOCK_STREAM, 0);
    calls.setsockopt(fd, c.IPPROTO_TCP, c.TCP_NODELAY, 1);
    calls.setsockopt(fd, c.SOL_SOCKET, c.SO_REUSEADDR, 1);
    calls.listen(fd, 1);
    tcp.listening[0]!.arrive(1234);
    const child = calls.accept(fd);
    expect(calls.getsockopt(child, c.IPPROTO_TCP, c.TCP_NODELAY)).to.equal(1);
    expect(calls.getsockopt(child, c.SOL_SOCKET, c.SO_REUSEADDR)).to.equal(1);
    expect(calls.getsockopt(child, c.SOL_SOCKET, c.SO_ACCEPTCONN)).to.equal(0);
  });

  it('SO_SNDBUF and SO_RCVBUF are bounded by the configuration', () => {
    const { calls } = fakeHost({ tcp: { maxBuffer: 50_000 } });
    const fd = calls.socket(c.AF_INET, c.SOCK_DGRAM, 0);
    for (const name of [c.SO_SNDBUF, c.SO_RCVBUF]) {
      for (const [asked, shown] of [
        [60_000, 100_000],
        [-1, 100_000],
        [20_000, 40_000],
      ] as const) {
        expect(calls.setsockopt(fd, c.SOL_SOCKET, name, asked)).to.equal(0);
        expect(calls.getsockopt(fd, c.SOL_SOCKET, name)).to.equal(shown);
      }
    }
  });

  it('TCP_CONGESTION takes a name that is known, and reaches the connection', () => {
    const { calls, tcp } = fakeHost();
    const fd = calls.socket(c.AF_INET, c.SOCK_STREAM, 0);
    const set = (value: string | number | boolean): number =>
      calls.setsockopt(fd, c.IPPROTO_TCP, c.TCP_CONGESTION, value);
    expect(calls.getsockopt(fd, c.IPPROTO_TCP, c.TCP_CONGESTION)).to.equal('cubic');
    for (const [value, result] of [
      ['vegas', -Errno.ENOENT],
      ['Reno', -Errno.ENOENT],
      ['', -Errno.EINVAL],
      [1, -Errno.ENOENT],
      [true, -Errno.EINVAL],
      ['reno', 0],
    ] as const) {
      expect(set(value), String(value)).to.equal(result);
    }
    calls.connect(fd, { address: '10.0.0.9', port: 80 });
    expect(tcp.opened[0]!.options.congestion).to.equal('reno');
    expect(set('cubic')).to.equal(0);
    expect(tcp.opened[0]!.options.congestion).to.equal('cubic');
    expect(calls.getsockopt(fd, c.IPPROTO_TCP, c.TCP_CONGESTION)).to.equal('cubic');
    expect(calls.setsockopt(fd, c.IPPROTO_TCP, c.TCP_NODELAY, 'on')).to.equal(-Errno.EINVAL);
    const udp = calls.socket(c.AF_INET, c.SOCK_DGRAM, 0);
    expect(calls.getsockopt(udp, c.IPPROTO_TCP, c.TCP_CONGESTION)).to.equal(-Errno.EOPNOTSUPP);
  });

  it('TCP_INFO of a socket without a connection tells that there is none', () => {
    const { calls } = fakeHost();
    const fd = calls.socket(c.AF_INET, c.SOCK_STREAM, 0);
    const info = (): TcpInfo => calls.getsockopt(fd, c.IPPROTO_TCP, c.TCP_INFO) as TcpInfo;
    expect(info()).to.include({ state: 'CLOSED', local: '0.0.0.0:0', flightSize: 0, congestion: 'cubic' });
    calls.bind(fd, { address: '10.0.0.1', port: 80 });
    calls.listen(fd, 1);
    expect(info()).to.include({ state: 'LISTEN', local: '10.0.0.1:80', mss: 536 });
    const other = calls.socket(c.AF_INET, c.SOCK_STREAM, 0);
    calls.connect(other, { address: '10.0.0.9', port: 80 });
    expect((calls.getsockopt(other, c.IPPROTO_TCP, c.TCP_INFO) as TcpInfo).state).to.equal('SYN-SENT');
  });
});
