/**
 * Runs the steps of test/socket/differential/steps.ts on socket tables, with results in the form of linux-sockets.py.
 */
import type { SocketCalls } from '../../src/socket/calls.ts';
import { F_GETFL, F_SETFL, O_NONBLOCK } from '../../src/socket/constants.ts';
import type { EpollEvent } from '../../src/socket/epoll.ts';
import type { Message } from '../../src/socket/message.ts';
import type { Form, Json, Step } from '../socket/differential/steps.ts';
import {
  controlMessage,
  isForm,
  nameRoom,
  numbers,
  octetsOf,
  optionInput,
  roomOf,
  shownAddress,
  shownControl,
  shownOption,
  takeAddress,
  textOf,
} from './step-forms.ts';
import type { Interfaces } from './step-forms.ts';

/** A host that steps can be run on. */
export interface RunnerHost {
  readonly calls: SocketCalls;
  /** Names of its interfaces, in the order of their numbers. */
  readonly interfaces: readonly string[];
  /** From now on programs have no privileges. */
  readonly drop: () => void;
}

type Call = (args: readonly Json[]) => Json;

/** Calls that wait on the kernel, unless O_NONBLOCK is set. */
const MAY_WAIT = /^(connect|accept|send|recv|read|write)/;

/** The bits of poll(2) that the kernel is asked for. */
const POLL = 0x201f;

export class CallRunner {
  readonly #hosts: readonly RunnerHost[];
  readonly #settle: (milliseconds: number) => void;
  readonly #fds = new Map<string, { readonly host: RunnerHost; readonly fd: number }>();
  /** Where descriptors are made. */
  #host: RunnerHost;

  /**
   * @param hosts 'a' and, where there is one, 'b'
   * @param settle lets everything happen that the last call has set off
   */
  constructor(hosts: readonly RunnerHost[], settle: (milliseconds: number) => void) {
    this.#hosts = hosts;
    this.#host = hosts[0]!;
    this.#settle = settle;
  }

  run(steps: readonly Step[]): Json[] {
    const results = steps.map(([call, ...args]) => {
      const step = this.#steps[call];
      if (step === undefined) throw new Error(`no such step: ${call}`);
      const result = MAY_WAIT.test(call) ? this.#withoutWaiting(args[0], () => step(args)) : step(args);
      this.#settle(call === 'wait' ? Number(args[0] ?? 50) : 4);
      return result;
    });
    for (const { calls } of this.#hosts) calls.closeAll();
    this.#settle(4);
    return results;
  }

  readonly #steps: Readonly<Record<string, Call>> = {
    on: ([host]) => {
      this.#host = this.#hosts['ab'.indexOf(textOf(host))]!;
      return 0;
    },
    drop: () => {
      for (const host of this.#hosts) host.drop();
      return 0;
    },
    wait: () => 0,
    unlink: ([path]) => this.#host.calls.unlink(path as string),

    socket: ([name, domain, type, protocol]) =>
      this.#opened(name, this.#host, this.#host.calls.socket(Number(domain), Number(type), Number(protocol))),
    socketpair: ([one, other, domain, type, protocol]) => {
      const pair: number[] = [];
      const result = this.#host.calls.socketpair(Number(domain), Number(type), Number(protocol), pair);
      if (result === 0) [one, other].forEach((name, i) => this.#opened(name, this.#host, pair[i]!));
      return result;
    },
    bind: ([name, ...to]) => this.#calls(name).bind(this.#fd(name), takeAddress(to, this.#interfaces)),
    connect: ([name, ...to]) => this.#calls(name).connect(this.#fd(name), takeAddress(to, this.#interfaces)),
    listen: ([name, backlog]) => this.#calls(name).listen(this.#fd(name), Number(backlog)),
    accept: ([name, child]) => this.#opened(child, this.#hostOf(name), this.#calls(name).accept(this.#fd(name))),
    accept4: ([name, child, flags, room]) => {
      const peer = nameRoom(room);
      const fd = this.#calls(name).accept(this.#fd(name), peer, Number(flags));
      return fd < 0 ? fd : [this.#opened(child, this.#hostOf(name), fd), ...shownAddress(peer, this.#interfaces)];
    },
    shutdown: ([name, how]) => this.#calls(name).shutdown(this.#fd(name), Number(how)),
    close: ([name]) => this.#calls(name).close(this.#fd(name)),
    getsockname: ([name, room]) => this.#named('getsockname', name, room),
    getpeername: ([name, room]) => this.#named('getpeername', name, room),

    send: ([name, data, flags = 0]) => {
      const [bytes, length] = this.#data(data);
      return this.#calls(name).send(this.#fd(name), bytes, Number(flags), 0, length);
    },
    sendto: ([name, data, flags, ...to]) => {
      const [bytes, length] = this.#data(data);
      const address = takeAddress(to, this.#interfaces);
      return this.#calls(name).sendto(this.#fd(name), bytes, Number(flags), address, 0, length);
    },
    write: ([name, data]) => {
      const [bytes, length] = this.#data(data);
      return this.#calls(name).write(this.#fd(name), bytes, 0, length);
    },
    writev: ([name, ...pieces]) => this.#calls(name).writev(this.#fd(name), pieces.map(octetsOf)),
    sendmsg: ([name, message, flags = 0]) => {
      const { name: to, iov = [], control = [] } = message as Form;
      const sent: Message = { iov: (iov as readonly Json[]).map(octetsOf) };
      if (to !== undefined) sent.name = takeAddress([to], this.#interfaces);
      sent.control = (control as readonly Json[]).map((item) =>
        controlMessage(item, (other) => this.#fd(other), this.#interfaces),
      );
      return this.#calls(name).sendmsg(this.#fd(name), sent, Number(flags));
    },
    recv: ([name, size, flags = 0]) => {
      const [into, length] = this.#room(size);
      return shownData(this.#calls(name).recv(this.#fd(name), into, Number(flags), 0, length), into, length);
    },
    read: ([name, size]) => {
      const [into, length] = this.#room(size);
      return shownData(this.#calls(name).read(this.#fd(name), into, 0, length), into, length);
    },
    recvfrom: ([name, size, flags = 0, room]) => {
      const [into, length] = this.#room(size);
      const from = nameRoom(room);
      const count = this.#calls(name).recvfrom(this.#fd(name), into, Number(flags), from, 0, length);
      const shown = shownData(count, into, length);
      return Array.isArray(shown) ? [...(shown as Json[]), ...shownAddress(from, this.#interfaces)] : shown;
    },
    readv: ([name, ...sizes]) => {
      const pieces = sizes.map((size) => new Uint8Array(Number(size)));
      const count = this.#calls(name).readv(this.#fd(name), pieces);
      return count < 0 ? count : [count, spread(count, pieces)];
    },
    recvmsg: ([name, message, flags = 0]) => this.#recvmsg(name, message as Form, flags),

    setsockopt: ([name, level, option, ...values]) => {
      const input = optionInput(Number(level), Number(option), values, this.#interfaces);
      return this.#calls(name).setsockopt(this.#fd(name), Number(level), Number(option), input);
    },
    getsockopt: ([name, level, option, form]) => {
      const value = this.#calls(name).getsockopt(this.#fd(name), Number(level), Number(option), roomOf(form));
      return typeof value === 'number' && value < 0 ? value : [0, ...shownOption(value, form)];
    },
    ioctl: ([name, request, value = 0]) => this.#calls(name).ioctl(this.#fd(name), Number(request), Number(value)),
    atmark: ([name]) => this.#calls(name).sockatmark(this.#fd(name)),

    fcntl: ([name, command, value = 0, other]) => {
      const result = this.#calls(name).fcntl(this.#fd(name), Number(command), Number(value));
      return other === undefined ? result : this.#opened(other, this.#hostOf(name), result);
    },
    dup: ([name, other]) => this.#opened(other, this.#hostOf(name), this.#calls(name).dup(this.#fd(name))),
    dup2: ([name, target, other = target]) =>
      this.#opened(other, this.#hostOf(name), this.#calls(name).dup2(this.#fd(name), this.#fd(target))),
    dup3: ([name, target, flags, other = target]) =>
      this.#opened(other, this.#hostOf(name), this.#calls(name).dup3(this.#fd(name), this.#fd(target), Number(flags))),
    number: ([name, base]) => this.#fd(name) - this.#fd(base),

    poll: (args) => {
      if (args.length === 1 && !Array.isArray(args[0])) return this.#poll([[args[0]!, POLL]])[1]!;
      return this.#poll(Array.isArray(args[0]) ? (args[0] as Json[][]) : [args]);
    },
    select: ([nfds, ...sets]) => this.#select(nfds, sets as Json[][]),
    epoll_create1: ([name, flags = 0]) => this.#opened(name, this.#host, this.#host.calls.epollCreate(Number(flags))),
    epoll_ctl: ([name, op, target, events = 0, label = 0]) => {
      const event = events === null ? undefined : { events: Number(events), data: label };
      return this.#calls(name).epollControl(this.#fd(name), Number(op), this.#fd(target), event);
    },
    epoll_wait: ([name, most]) => {
      const events: EpollEvent[] = [];
      const count = this.#calls(name).epollNow(this.#fd(name), events, Number(most));
      return count < 0 ? count : [count, ...events.map(({ data, events: bits }) => [data as Json, bits >>> 0])];
    },
  };

  readonly #interfaces: Interfaces = {
    index: (name) => (typeof name === 'number' ? name : this.#host.interfaces.indexOf(textOf(name)) + 1),
    name: (index) => this.#host.interfaces[index - 1] ?? index,
  };

  #fd(name: Json | undefined): number {
    return typeof name === 'number' ? name : (this.#fds.get(textOf(name))?.fd ?? -1);
  }

  /** Calls with O_NONBLOCK set, as linux_calls.py does, and leaves it as it was. */
  #withoutWaiting(name: Json | undefined, call: () => Json): Json {
    const [calls, fd] = [this.#calls(name), this.#fd(name)];
    const flags = calls.fcntl(fd, F_GETFL);
    if (flags >= 0) calls.fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    const result = call();
    if (flags >= 0) calls.fcntl(fd, F_SETFL, flags);
    return result;
  }

  /** The host that a descriptor belongs to. */
  #hostOf(name: Json | undefined): RunnerHost {
    return this.#fds.get(textOf(name))?.host ?? this.#host;
  }

  #calls(name: Json | undefined): SocketCalls {
    return this.#hostOf(name).calls;
  }

  #opened(name: Json | undefined, host: RunnerHost, fd: number): number {
    if (fd < 0) return fd;
    this.#fds.set(textOf(name), { host, fd });
    return 0;
  }

  #data(data: Json | undefined): [Uint8Array | null, number] {
    if (isForm(data)) {
      if (data['null'] !== undefined) return [null, Number(data['null'])];
      if (data['text'] !== undefined) return [octetsOf(data['text']), Number(data['length'])];
    }
    const bytes = octetsOf(data!);
    return [bytes, bytes.length];
  }

  #room(size: Json | undefined): [Uint8Array | null, number] {
    if (typeof size === 'number') return [new Uint8Array(size), size];
    const form = size as Form;
    if (form['null'] !== undefined) return [null, Number(form['null'])];
    return [new Uint8Array(Number(form['size'])), Number(form['length'])];
  }

  #named(call: 'getsockname' | 'getpeername', name: Json | undefined, room: Json | undefined): Json {
    const into = nameRoom(room);
    const result = this.#calls(name)[call](this.#fd(name), into);
    return result < 0 ? result : [result, ...shownAddress(into, this.#interfaces)];
  }

  #recvmsg(name: Json | undefined, form: Form, flags: Json): Json {
    const { iov = [], control = 0, rights = [], name: room } = form;
    const from = nameRoom(room);
    const pieces = numbers(iov).map((size) => new Uint8Array(size));
    const message: Message = { name: from, iov: pieces, control: [], controlLength: Number(control) };
    const count = this.#calls(name).recvmsg(this.#fd(name), message, Number(flags));
    if (count < 0) return count;
    const names = rights as readonly Json[];
    const takeFds = (fds: readonly number[]): number => {
      fds.forEach((fd, i) => this.#opened(names[i] ?? `right ${i} of ${this.#fds.size}`, this.#hostOf(name), fd));
      return fds.length;
    };
    return [
      count,
      {
        data: spread(count, pieces),
        from: shownAddress(from, this.#interfaces),
        flags: message.flags ?? 0,
        control: message.control!.map((item) => shownControl(item, takeFds, this.#interfaces)),
      },
    ];
  }

  #poll(pairs: readonly (readonly Json[])[]): Json[] {
    const fds = pairs.map(([name, events]) => ({ fd: this.#fd(name), events: Number(events), revents: 0 }));
    const ready = this.#calls(pairs[0]?.[0]).pollNow(fds);
    return [ready, ...fds.map(({ revents }) => revents)];
  }

  #select(nfds: Json | undefined, lists: readonly (readonly Json[])[]): Json {
    const all = lists.flat();
    const [read, write, except] = [0, 1, 2].map((i) => new Set(lists[i]?.map((name) => this.#fd(name)))) as [
      Set<number>,
      Set<number>,
      Set<number>,
    ];
    const most = nfds === null ? Math.max(-1, ...all.map((name) => this.#fd(name))) + 1 : Number(nfds);
    const count = this.#calls(all[0]).selectNow(most, { read, write, except });
    if (count < 0) return count;
    const left = [read, write, except].slice(0, lists.length);
    return [count, ...lists.map((names, i) => names.filter((name) => left[i]!.has(this.#fd(name))))];
  }
}

function shownData(count: number, into: Uint8Array | null, length: number): Json {
  if (count < 0 || into === null) return count;
  return [count, new TextDecoder('latin1').decode(into.subarray(0, Math.min(length, count)))];
}

/** What came in each piece. */
function spread(count: number, pieces: readonly Uint8Array[]): string[] {
  let left = count;
  return pieces.map((piece) => {
    const text = new TextDecoder('latin1').decode(piece.subarray(0, Math.max(0, left)));
    left -= piece.length;
    return text;
  });
}
