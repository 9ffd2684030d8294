import { expect } from 'chai';
import fc from 'fast-check';
import type { DropReason } from '../../src/core/drop.ts';
import { Errno } from '../../src/core/errno.ts';
import type { ErrnoName } from '../../src/core/errno.ts';
import { formatAddress } from '../../src/ip/address.ts';
import { IpProtocol } from '../../src/ip/service.ts';
import type { IpErrorReport } from '../../src/ip/service.ts';
import { T0, addr, datagram, makeHost, patched, prefix } from '../ip/host.ts';
import type { DatagramParts, Host } from '../ip/host.ts';
import { message } from './messages.ts';

/** A datagram of ours, as an error would quote it. */
const quote = (parts: DatagramParts = {}): Uint8Array =>
  datagram({ source: '10.0.0.2', destination: '8.8.8.8', payload: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), ...parts });

const deliver = (host: Host, payload: Uint8Array, parts: DatagramParts = {}): void => {
  host.link.deliver(datagram({ protocol: IpProtocol.Icmp, source: '10.0.0.1', payload, ...parts }));
  expect(host.context.frames.inUse).to.equal(0);
};

interface Heard {
  report: IpErrorReport;
  quoted: Uint8Array;
  transport: Uint8Array;
}

function listen(host: Host, protocol = 200): Heard[] {
  const heard: Heard[] = [];
  host.ip.register(protocol, {
    receive: () => true,
    error: (report, frame) => {
      heard.push({
        report: { ...report },
        quoted: frame.view().slice(),
        transport: frame.bytes.slice(frame.transport, frame.end),
      });
    },
  });
  return heard;
}

describe('icmp/reports', () => {
  it('1122-3.2.2-d, 1122-3.4-e, 1122-3.4-f: an error reaches the protocol of the quoted header, with the quote', () => {
    const host = makeHost();
    const heard = listen(host);
    deliver(host, message(3, 1, 0, quote()));
    expect(heard).to.deep.equal([
      {
        report: {
          from: addr('10.0.0.1'),
          source: addr('10.0.0.2'),
          destination: addr('8.8.8.8'),
          protocol: 200,
          type: 3,
          code: 1,
          errno: Errno.EHOSTUNREACH,
          hard: false,
          mtu: 0,
          ttl: 64,
          tos: 0,
          interfaceId: 2,
        },
        quoted: quote(),
        transport: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
      },
    ]);
    expect(host.context.drops.snapshot()).to.deep.equal({});
  });

  // Linux's icmp_err_convert; codes 0, 1 and 5 are hints: 1122-3.2.2.1-d.
  const meanings: [type: number, code: number, errno: ErrnoName, hard: boolean][] = [
    [3, 0, 'ENETUNREACH', false],
    [3, 1, 'EHOSTUNREACH', false],
    [3, 2, 'ENOPROTOOPT', true],
    [3, 3, 'ECONNREFUSED', true],
    [3, 4, 'EMSGSIZE', false],
    [3, 5, 'EOPNOTSUPP', false],
    [3, 6, 'ENETUNREACH', true],
    [3, 7, 'EHOSTDOWN', true],
    [3, 8, 'ENONET', true],
    [3, 9, 'ENETUNREACH', true],
    [3, 10, 'EHOSTUNREACH', true],
    [3, 11, 'ENETUNREACH', false],
    [3, 12, 'EHOSTUNREACH', false],
    [3, 13, 'EHOSTUNREACH', true],
    [3, 14, 'EHOSTUNREACH', true],
    [3, 15, 'EHOSTUNREACH', true],
    [11, 0, 'EHOSTUNREACH', false],
    [11, 1, 'EHOSTUNREACH', false],
    [12, 0, 'EPROTO', false],
    [12, 1, 'EPROTO', false],
  ];
  for (const [type, code, errno, hard] of meanings) {
    const id = type === 3 ? '1122-3.2.2.1-b' : type === 11 ? '1122-3.2.2.4-a' : '1122-3.2.2.5-b';
    it(`${id}: type ${type}, code ${code} is ${errno}${hard ? ', hard' : ''}`, () => {
      const host = makeHost();
      const heard = listen(host);
      deliver(host, message(type, code, 0, quote()));
      expect(heard.map(({ report }) => [report.type, report.code, report.errno, report.hard])).to.deep.equal([
        [type, code, Errno[errno], hard],
      ]);
    });
  }

  it('RFC 1191 §4: Fragmentation Needed brings the next-hop MTU, other codes none', () => {
    const host = makeHost();
    const heard = listen(host);
    deliver(host, message(3, 4, 1400, quote()));
    deliver(host, message(3, 1, 1400, quote()));
    expect(heard.map(({ report }) => report.mtu)).to.deep.equal([1400, 0]);
  });

  it('a header changed on the way (TTL, checksum) and a quote cut to 8 octets are fine', () => {
    const host = makeHost();
    const heard = listen(host);
    const long = quote({ payload: new Uint8Array(100), options: [99, 4, 1, 1] });
    deliver(host, message(11, 0, 0, patched(long, { 8: 0 }, false).slice(0, 32)));
    expect(heard.map(({ transport }) => transport.length)).to.deep.equal([8]);
  });

  it('raw listeners hear of errors about their protocol', () => {
    const host = makeHost();
    const heard: number[] = [];
    host.ip.addRaw(IpProtocol.Icmp, {
      receiveRaw: () => false,
      errorRaw: (report, frame) => heard.push(report.errno, frame.bytes[frame.start]!),
    });
    deliver(host, message(3, 1, 0, quote({ protocol: IpProtocol.Icmp })));
    expect(heard).to.deep.equal([Errno.EHOSTUNREACH, 0x45]);
  });

  const refused: [name: string, payload: Uint8Array, reason: DropReason][] = [
    ['a message of 7 octets', message(3, 3, 0).slice(0, 7), 'icmp-truncated'],
    ['no message at all', new Uint8Array(0), 'icmp-truncated'],
    ['a wrong checksum', patched(message(3, 3, 0, quote()), { 20: 1 }, false), 'icmp-checksum'],
    ['no quote', message(3, 3, 0), 'icmp-quote-truncated'],
    ['a quote of a header only', message(3, 3, 0, quote().slice(0, 27)), 'icmp-quote-truncated'],
    [
      'a quote whose options are cut off',
      message(3, 3, 0, patched(quote(), { 0: 0x47 }, false)),
      'icmp-quote-truncated',
    ],
    ['a header length of 0', message(3, 3, 0, patched(quote(), { 0: 0x40 }, false)), 'icmp-quote-truncated'],
    ['a header length of 16', message(3, 3, 0, patched(quote(), { 0: 0x44 }, false)), 'icmp-quote-invalid'],
    ['a quote of version 6', message(3, 3, 0, patched(quote(), { 0: 0x65 }, false)), 'icmp-quote-invalid'],
    ['a quoted later fragment', message(3, 3, 0, quote({ flagsAndOffset: 1 })), 'icmp-quote-invalid'],
    ['a quoted broadcast', message(3, 3, 0, quote({ destination: '10.0.0.255' })), 'icmp-quote-invalid'],
    ['a quoted multicast', message(3, 3, 0, quote({ destination: '224.0.0.1' })), 'icmp-quote-invalid'],
    ['a datagram of somebody else', message(3, 3, 0, quote({ source: '10.0.0.3' })), 'icmp-quote-not-ours'],
    ['a protocol nobody speaks', message(3, 3, 0, quote({ protocol: 199 })), 'icmp-error-no-protocol'],
    ['code 16 of Destination Unreachable', message(3, 16, 0, quote()), 'icmp-unknown-code'],
    ['code 2 of Time Exceeded', message(11, 2, 0, quote()), 'icmp-unknown-code'],
    ['code 3 of Parameter Problem', message(12, 3, 0, quote()), 'icmp-unknown-code'],
    ['code 4 of Redirect', message(5, 4, 0, quote()), 'icmp-unknown-code'],
  ];
  for (const [name, payload, reason] of refused) {
    it(`refuses ${name}: ${reason}`, () => {
      const host = makeHost();
      const heard = listen(host);
      deliver(host, payload);
      expect(heard).to.deep.equal([]);
      expect(host.link.sent).to.deep.equal([]);
      expect(host.context.drops.snapshot()).to.deep.equal({ [reason]: 1 });
    });
  }

  describe('Redirect', () => {
    const NEW = addr('10.0.0.7');
    const nextHop = (host: Host, destination = '8.8.8.8'): string => {
      const route = host.ip.route(addr(destination), addr('10.0.0.2'));
      if (typeof route === 'number') return `${route}`;
      const frame = host.context.frames.from(new Uint8Array(8));
      host.ip.output(route, frame, { protocol: 200, ttl: 64, tos: 0, dontFragment: true }, T0);
      return formatAddress(host.link.sent.at(-1)!.nextHop!);
    };

    for (const code of [0, 1, 2, 3]) {
      it(`1122-3.2.2.2-b, 1122-3.2.2.2-c, 1122-3.3.1.2-b, 1122-3.3.1.3-a: code ${code} changes the next hop of that host alone`, () => {
        const host = makeHost();
        expect(nextHop(host)).to.equal('10.0.0.1');
        deliver(host, message(5, code, NEW, quote()));
        expect(nextHop(host)).to.equal('10.0.0.7');
        expect(nextHop(host, '8.8.8.9')).to.equal('10.0.0.1');
        expect(host.context.drops.snapshot()).to.deep.equal({});
      });
    }

    const refusals: [name: string, gateway: string, from: string, destination: string][] = [
      ['1122-3.2.2.2-d: not from the current gateway', '10.0.0.7', '10.0.0.3', '8.8.8.8'],
      ['1122-3.2.2.2-d: to a gateway off the network', '10.0.1.7', '10.0.0.1', '8.8.8.8'],
      ['to this host', '10.0.0.2', '10.0.0.1', '8.8.8.8'],
      ['to a broadcast address', '10.0.0.255', '10.0.0.1', '8.8.8.8'],
      ['about a host on the network', '10.0.0.7', '10.0.0.1', '10.0.0.9'],
      ['about network 0', '10.0.0.7', '10.0.0.1', '0.1.2.3'],
    ];
    for (const [name, gateway, from, destination] of refusals) {
      it(`refuses one ${name}`, () => {
        const host = makeHost();
        deliver(host, message(5, 1, addr(gateway), quote({ destination })), { source: from });
        expect(host.context.drops.snapshot()).to.deep.equal({ 'icmp-redirect-refused': 1 });
        expect(nextHop(host)).to.equal('10.0.0.1');
      });
    }

    it('refuses all when told so, and those that came as broadcast', () => {
      const host = makeHost({ ip: { acceptRedirects: false } });
      deliver(host, message(5, 1, NEW, quote()));
      const other = makeHost();
      deliver(other, message(5, 1, NEW, quote()), { destination: '10.0.0.255' });
      for (const { context } of [host, other]) expect(context.drops.count('icmp-redirect-refused')).to.equal(1);
    });

    it('1122-3.3.1.5-a: when the new gateway fails, the default takes over again', () => {
      const host = makeHost();
      deliver(host, message(5, 1, NEW, quote()));
      nextHop(host);
      const waiting = host.context.frames.from(host.link.sent[0]!.bytes);
      host.link.user!.onUnreachable(waiting, NEW, T0);
      waiting.release();
      expect(nextHop(host)).to.equal('10.0.0.1');
    });

    it('redirects are bounded', () => {
      const host = makeHost({ ip: { maxRedirects: 3 } });
      for (let i = 1; i <= 9; i++) deliver(host, message(5, 1, NEW, quote({ destination: `8.8.8.${i}` })));
      expect(host.ip.routeInfo().filter(({ kind }) => kind === 'redirect')).to.have.length(3);
    });

    it('a lost address takes its redirects along', () => {
      const host = makeHost();
      deliver(host, message(5, 1, NEW, quote()));
      host.ip.removeAddress(host.network, addr('10.0.0.2'));
      host.ip.addAddress(host.network, prefix('10.0.0.2/24'), {}, T0);
      expect(host.ip.routeInfo().some(({ kind }) => kind === 'redirect')).to.be.false;
    });
  });

  it('mutated errors never throw and are heard or counted', () => {
    const host = makeHost();
    const heard = listen(host);
    const changes = fc.dictionary(fc.nat(27).map(String), fc.nat(255), { maxKeys: 4 });
    const type = fc.constantFrom(3, 5, 11, 12);
    fc.assert(
      fc.property(type, fc.nat(17), changes, fc.nat(30), (kind, code, edits, cut) => {
        fc.pre(edits['9'] !== 1); // about ICMP: for raw sockets of ICMP alone, and there is none
        const before = heard.length + drops(host);
        const body = patched(quote(), edits, false);
        deliver(
          host,
          message(kind, code, addr('10.0.0.7'), body.slice(0, Math.max(0, body.length - Math.max(0, cut - 15)))),
        );
        const redirects = kind === 5 ? 1 : 0;
        expect(heard.length + drops(host) - before).to.be.within(1 - redirects, 1);
      }),
      { numRuns: 1000 },
    );
  });
});

const drops = (host: Host): number =>
  Object.values(host.context.drops.snapshot()).reduce((sum, count) => sum + count, 0);
