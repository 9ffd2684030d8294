/**
 * The Promise face on a whole stack, over the loopback of one host: real TCP and UDP, driven turn by turn.
 */
import { expect } from 'chai';
import { SeededRandom } from '../../src/core/random.ts';
import { NEVER, micros } from '../../src/core/time.ts';
import { NetError } from '../../src/node/net-error.ts';
import { Sockets } from '../../src/node/sockets.ts';
import * as c from '../../src/socket/constants.ts';
import { Stack } from '../../src/stack/stack.ts';

const LO = '127.0.0.1';

/** A host whose driver takes a turn whenever a call asks for one or, when there is nothing to do, time jumps to a timer. */
class Machine {
  readonly stack = new Stack({ random: new SeededRandom(1) });
  readonly sockets = new Sockets(this.stack.calls);
  #now = micros(1_000_000);
  #turnDue = false;

  constructor() {
    this.stack.calls.onWork = () => this.#schedule();
  }

  turn(): void {
    this.#turnDue = false;
    this.#now = micros(this.#now + 10);
    this.stack.poll(this.#now);
    this.stack.calls.deliver();
    if (this.stack.pending || this.stack.calls.deliverable) this.#schedule();
    else if (this.stack.nextDeadline() < NEVER) setImmediate(() => this.#jump());
  }

  #schedule(): void {
    if (this.#turnDue) return;
    this.#turnDue = true;
    setImmediate(() => this.turn());
  }

  #jump(): void {
    const deadline = this.stack.nextDeadline();
    if (this.#turnDue || deadline === NEVER) return;
    if (deadline > this.#now) this.#now = deadline;
    this.#schedule();
  }

  /** Closes everything and lets an hour pass: nothing may be left. */
  end(): void {
    this.sockets.closeAll();
    for (let i = 0; i < 200; i++) {
      this.#now = micros(this.#now + 20_000_000);
      this.turn();
    }
    expect(this.stack.context.frames.inUse).to.equal(0);
    expect([...this.stack.tcp.connections()]).to.have.length(0);
  }
}

describe('sockets on a stack', () => {
  let machine: Machine;
  beforeEach(() => {
    machine = new Machine();
  });
  afterEach(() => machine.end());

  const listenOn = (port: number): number => {
    const { socket, bind, listen } = machine.sockets;
    const fd = socket(c.AF_INET, c.SOCK_STREAM, 0);
    bind(fd, { address: '0.0.0.0', port });
    listen(fd, 16);
    return fd;
  };

  it('echoes to several clients at once', async () => {
    const { socket, accept, connect, recv, send, shutdown, close } = machine.sockets;
    const server = listenOn(7);
    const serve = async (fd: number): Promise<void> => {
      for (;;) {
        const data = await recv(fd);
        if (data.length === 0) break;
        await send(fd, data);
      }
      close(fd);
    };
    const serving = (async () => {
      for (let i = 0; i < 5; i++) void serve(await accept(server));
    })();
    const ask = async (text: string): Promise<string> => {
      const fd = socket(c.AF_INET, c.SOCK_STREAM, 0);
      await connect(fd, { address: LO, port: 7 });
      await send(fd, text);
      shutdown(fd, c.SHUT_WR);
      let answer = '';
      for (;;) {
        const data = await recv(fd, 1000);
        if (data.length === 0) break;
        answer += new TextDecoder().decode(data);
      }
      close(fd);
      return answer;
    };
    const texts = ['one', 'two', 'three', 'x'.repeat(5000), 'five'];
    expect(await Promise.all(texts.map(ask))).to.deep.equal(texts);
    await serving;
  });

  it('moves megabytes through small buffers without losing a wake-up', async () => {
    const { socket, accept, connect, recv, send, shutdown, close, setsockopt } = machine.sockets;
    const server = listenOn(9000);
    const fd = socket(c.AF_INET, c.SOCK_STREAM, 0);
    setsockopt(fd, c.SOL_SOCKET, c.SO_SNDBUF, 20_000);
    const [child] = await Promise.all([accept(server), connect(fd, { address: LO, port: 9000 })]);
    const total = 3_000_000;
    const data = Uint8Array.from({ length: total }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
    const sending = send(fd, data).then(() => shutdown(fd, c.SHUT_WR));
    const received = new Uint8Array(total);
    const buffer = new Uint8Array(7001);
    let at = 0;
    for (;;) {
      const count = await recv(child, buffer);
      if (count === 0) break;
      received.set(buffer.subarray(0, count), at);
      at += count;
    }
    await sending;
    expect(at).to.equal(total);
    expect(Buffer.compare(received, data)).to.equal(0);
    close(fd);
    close(child);
  });

  it('connect to a closed port: ECONNREFUSED with the address', async () => {
    const { socket, connect } = machine.sockets;
    const fd = socket(c.AF_INET, c.SOCK_STREAM, 0);
    const error: unknown = await connect(fd, { address: LO, port: 9 }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).to.be.an.instanceOf(NetError);
    expect(error).to.include({ message: 'connect ECONNREFUSED 127.0.0.1:9', syscall: 'connect' });
  });

  it('datagrams there and back', async () => {
    const { socket, bind, sendto, recvfrom, getsockname } = machine.sockets;
    const server = socket(c.AF_INET, c.SOCK_DGRAM, 0);
    bind(server, { address: LO, port: 53 });
    const client = socket(c.AF_INET, c.SOCK_DGRAM, 0);
    const asked = recvfrom(server);
    await sendto(client, 'question', { address: LO, port: 53 });
    const question = await asked;
    expect(question.port).to.equal(getsockname(client).port);
    await sendto(server, 'answer', question);
    expect(new TextDecoder().decode((await recvfrom(client)).data)).to.equal('answer');
  });

  it('a raw socket pings the host itself', async () => {
    const { socket, sendto, recvfrom } = machine.sockets;
    const fd = socket(c.AF_INET, c.SOCK_RAW, c.IPPROTO_ICMP);
    machine.sockets.setsockopt(fd, c.SOL_RAW, c.ICMP_FILTER, ~1);
    const echo = Uint8Array.from([8, 0, 0xf7, 0xff, 0, 0, 0, 0]);
    await sendto(fd, echo, { address: LO, port: 0 });
    const { data, address } = await recvfrom(fd);
    expect(address).to.equal(LO);
    expect([data.length, data[9], data[20]]).to.deep.equal([28, 1, 0]);
  });

  it('TCP_INFO tells about a connection', async () => {
    const { accept, socket, connect, getsockopt } = machine.sockets;
    const server = listenOn(80);
    const fd = socket(c.AF_INET, c.SOCK_STREAM, 0);
    const [child] = await Promise.all([accept(server), connect(fd, { address: LO, port: 80 })]);
    const info = getsockopt(child, c.IPPROTO_TCP, c.TCP_INFO);
    expect(info.state).to.equal('ESTABLISHED');
    expect(info.local).to.equal('127.0.0.1:80');
  });
});
