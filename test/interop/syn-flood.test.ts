/**
 * Queues of a listener and a flood of SYNs against the kernel: the same SYNs to a kernel's listener and to ours leave as many half-open
 * connections, and a kernel that connects during a flood gets in, by a cookie, with all its options. RFC 4987; listen(2), tcp(7).
 *
 * The flood comes from hping3 in the namespace of the test.
 */
import { expect } from 'chai';
import { ALL_SERVICES, DEVICE, HOST, HOST_MAC, KERNEL, LOSS, useLab } from '../support/kernel-lab.ts';
import type { KernelLab } from '../support/kernel-lab.ts';
import { describeInterop } from '../support/namespace.ts';
import { until } from '../support/wait.ts';

/** An address on the link that nobody has, and its made-up hardware address: whoever answers it is not answered. */
const STRANGER = '10.0.0.77';

/** Sends SYNs from STRANGER to a listener, one from each of so many ports. */
const SYNS = (address: string, port: number, count: number): string => `
import struct
def sum16(octets):
    total = sum(struct.unpack('!%dH' % (len(octets) // 2), octets))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
source, target = socket.inet_aton('${STRANGER}'), socket.inet_aton('${address}')
for port in range(20000, 20000 + ${count}):
    tcp = struct.pack('!HHIIBBHHH', port, ${port}, 1000, 0, 0x50, 2, 65535, 0, 0)
    check = sum16(source + target + struct.pack('!BBH', 0, 6, 20) + tcp)
    tcp = tcp[:16] + struct.pack('!H', check) + tcp[18:]
    raw.sendto(struct.pack('!BBHHHBBH4s4s', 0x45, 0, 40, 0, 0, 64, 6, 0, source, target) + tcp, ('${address}', 0))
`;

/** Connects and echoes, again and again; prints the slowest (s), and the options that the kernel has settled. */
const CLIENT = (count: number): string => `
slowest = 0
for i in range(${count}):
    begin = time.time()
    s = socket.create_connection((HOST, 7), 20)
    data = b'client %d' % i
    s.sendall(data)
    s.shutdown(socket.SHUT_WR)
    back = b''
    while part := s.recv(100):
        back += part
    assert back == data
    slowest = max(slowest, time.time() - begin)
    options = s.getsockopt(socket.IPPROTO_TCP, 11, 104)[5]
    assert options & 7 == 7, options  # timestamps, SACK, window scale
    s.close()
    time.sleep(0.05)
print(slowest)
`;

/** One connection that is there before the flood, and carries octets both ways through it. */
const LASTING = `
s = socket.create_connection((HOST, 7), 10)
for i in range(60):
    data = bytes([i]) * 5000
    s.sendall(data)
    back = b''
    while len(back) < len(data):
        back += s.recv(65536)
    assert back == data
    time.sleep(0.1)
`;

describeInterop('a listener under pressure, beside the kernel', () => {
  // What nobody has accepted is reset when its listener ends.
  const theLab = useLab({ config: { tcp: { maxSynBacklog: 128 } }, allowed: [/^Warning: Connection reset \(RST\)$/] });

  before(async () => {
    const lab = theLab();
    lab.ns.ip(`neighbor add ${STRANGER} lladdr 02:00:00:00:00:77 dev ${DEVICE}`);
    await lab.run('sysctl', ['-q', '-w', 'net.ipv4.tcp_syncookies=1', 'net.ipv4.tcp_max_syn_backlog=128']);
  });

  for (const backlog of [0, 1, 5, 20, 200]) {
    it(`backlog ${backlog}: as many half-open connections as the kernel keeps`, async () => {
      const lab = theLab();
      const port = 6000 + backlog;
      const counted = await lab.python(`
import subprocess
l = socket.socket()
l.bind((KERNEL, ${port}))
l.listen(${backlog})
${SYNS(KERNEL, port, 250)}
time.sleep(0.2)
listed = subprocess.run(['ss', '-Hnt', 'state', 'syn-recv', 'sport', '=', ':${port}'], capture_output=True, text=True)
print(len(listed.stdout.splitlines()))
`);
      const fd = lab.listen(port, backlog);
      await lab.python(SYNS(HOST, port, 250));
      const listener = [...lab.host.stack.tcp.listeners()].find((one) => one.port === port)!;
      const { counters } = listener;
      await until(() => halfOpen(lab, port) + counters.cookiesSent === 250);
      expect(halfOpen(lab, port)).to.equal(Number(counted));
      expect(counters.synQueueOverflows).to.equal(250 - Number(counted));
      lab.host.sockets.close(fd);
    });
  }

  it('an accept queue that is full: as many connections as the kernel keeps are there to be accepted', async () => {
    const lab = theLab();
    const connect = (address: string, port: number): string => `
many = []
for i in range(8):
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex(('${address}', ${port}))
    many.append(s)
    time.sleep(0.02)
time.sleep(0.2)
`;
    const counted = await lab.python(`
l = socket.socket()
l.bind((KERNEL, 6500))
l.listen(3)
${connect(KERNEL, 6500)}
l.setblocking(False)
count = 0
try:
    while l.accept():
        count += 1
except BlockingIOError:
    print(count)
`);
    const fd = lab.listen(6500, 3);
    await lab.python(connect(HOST, 6500));
    const listener = [...lab.host.stack.tcp.listeners()].find((one) => one.port === 6500)!;
    expect(listener.waiting).to.equal(Number(counted));
    expect(listener.counters.acceptQueueOverflows).to.be.above(0);
    lab.host.sockets.close(fd);
  });
});

describeInterop('a flood of SYNs', () => {
  const theLab = useLab({ serve: ALL_SERVICES, captureLimit: 2_000_000, allowed: [...LOSS, /./] });

  it('from random sources: clients of the kernel get in meanwhile, with all options, and who was there is served', async function () {
    this.timeout(100_000);
    const lab = theLab();
    // What is answered to strangers goes to the gateway, which is this kernel; it has no route for them, and does not answer.
    await lab.run('sysctl', ['-q', '-w', 'net.ipv4.conf.all.rp_filter=0', `net.ipv4.conf.${DEVICE}.rp_filter=0`]);
    lab.ns.ip(`neighbor replace ${HOST} lladdr ${HOST_MAC} dev ${DEVICE}`);
    const [listener] = [...lab.host.stack.tcp.listeners()].filter(({ port }) => port === 7);
    const connections = (): number => lab.host.snapshot().connections.length;
    const established = lab.python(LASTING, { timeout: 50_000 });
    await until(() => connections() > 0);
    const flood = lab.ns.spawn('hping3', FLOOD);
    let over = false;
    flood.on('close', () => (over = true));
    await until(() => listener!.counters.cookiesSent > 1000);
    const slowest = Number(await lab.python(CLIENT(10), { timeout: 50_000 }));
    expect(over, 'the flood lasts longer than the clients').to.equal(false);
    expect(listener!.counters.cookiesAccepted).to.be.above(0);
    // The service's backlog is 1,024; so many and one are half-open, and a few are in TIME-WAIT.
    expect(connections()).to.be.within(1000, 1100);
    expect(slowest).to.be.below(20);
    await until(() => over || listener!.counters.synQueueOverflows > 20_000, 30_000);
    flood.kill('SIGKILL');
    expect(listener!.counters.synQueueOverflows).to.be.above(20_000);
    expect(connections()).to.be.below(1100);
    await lab.python(CLIENT(1));
    await established;
  });
});

/** Floods port 7 with SYNs from random sources, 5,000 to 10,000 a second. */
const FLOOD = ['-q', '-S', '-p', '7', '--rand-source', '-i', 'u100', '-c', '300000', HOST];

/** Connections in SYN-RECEIVED at a local port. */
const halfOpen = (lab: KernelLab, port: number): number =>
  [...lab.host.stack.tcp.connections()].filter((one) => one.localPort === port && one.state === 'SYN-RECEIVED').length;
