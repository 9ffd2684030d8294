import { expect } from 'chai';
import { pingTimes } from '../../../scripts/bench/latency.ts';
import { parseCounters } from '../../../scripts/bench/loss.ts';

describe('scripts/bench: what other programs say', () => {
  it('ping: round trips in microseconds, whatever stands around them', () => {
    const output = [
      'PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.',
      '64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=0.045 ms',
      '64 bytes from 10.0.0.2: icmp_seq=2 ttl=64 time=12.3 ms',
      '64 bytes from 10.0.0.2: icmp_seq=3 ttl=64 time=101 ms (DUP!)',
      '--- 10.0.0.2 ping statistics ---',
      '2 packets transmitted, 2 received, 0% packet loss, time 3ms',
      'rtt min/avg/max/mdev = 0.045/0.045/0.045/0.000 ms',
    ].join('\n');
    expect(pingTimes(output)).to.deep.equal([45, 12_300, 101_000]);
    expect(pingTimes('')).to.deep.equal([]);
  });

  it('/proc/net/snmp and netstat: counters by group and name, negative ones too', () => {
    const text = 'Tcp: MaxConn RetransSegs\nTcp: -1 12\nTcpExt: TCPTimeouts\nTcpExt: 3\n';
    expect([...parseCounters(text)]).to.deep.equal([
      ['Tcp.MaxConn', -1],
      ['Tcp.RetransSegs', 12],
      ['TcpExt.TCPTimeouts', 3],
    ]);
  });
});
