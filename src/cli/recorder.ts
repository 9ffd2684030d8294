/**
 * What is written down of a host's frames: a capture file (--pcap), lines on the terminal or in a file (--trace).
 */
import type { Writable } from 'node:stream';
import { errorText } from '../app/sockets.ts';
import type { Link } from '../link/link.ts';
import { PcapFile } from '../link/pcap-file.ts';
import { PcapWriter, pcap } from '../link/pcap.ts';
import type { Host } from '../node/host.ts';
import { CliError } from './errors.ts';
import { FrameLog, logToFile } from './frame-log.ts';

export interface RecorderOptions {
  /** Capture file (pcapng). */
  readonly pcap?: string | undefined;
  /** File for the lines. */
  readonly traceFile?: string | undefined;
  /** Stream for the lines. */
  readonly trace?: Writable | undefined;
}

/** How often gathered octets of a capture go to its file (ms). */
const FLUSH_EVERY = 500;

/** Wraps a host's link; disposing writes and closes the files. */
export class Recorder implements AsyncDisposable {
  readonly #file: PcapFile | undefined;
  readonly #writer: PcapWriter | undefined;
  readonly #flushing: NodeJS.Timeout | undefined;
  readonly #log: ReturnType<typeof logToFile> | undefined;
  readonly #screen: FrameLog | undefined;

  /** Throws a CliError when a file cannot be made. */
  constructor(options: RecorderOptions) {
    if (options.pcap !== undefined) {
      const file = openCapture(options.pcap);
      this.#file = file;
      this.#writer = new PcapWriter(file.sink, { epoch: Math.round(performance.timeOrigin * 1000) });
      this.#flushing = setInterval(() => file.flush(), FLUSH_EVERY).unref();
    }
    if (options.traceFile !== undefined) this.#log = logToFile(options.traceFile, reportOnce(options.traceFile));
    if (options.trace !== undefined) this.#screen = new FrameLog(options.trace, { colour: isTerminal(options.trace) });
  }

  /** The link with everything that was asked for around it. */
  wrap(link: Link): Link {
    let wrapped = link;
    if (this.#writer !== undefined) wrapped = pcap(wrapped, this.#writer);
    if (this.#log !== undefined) wrapped = this.#log.log.watch(wrapped);
    if (this.#screen !== undefined) wrapped = this.#screen.watch(wrapped);
    return wrapped;
  }

  /** Has the host's drops noted on the packets of the capture. */
  follow(host: Host): void {
    const writer = this.#writer;
    if (writer !== undefined) host.stack.context.drops.listener = (reason) => writer.annotate(reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#flushing);
    this.#file?.close();
    this.#screen?.sayOmitted();
    await this.#log?.close();
  }
}

function openCapture(path: string): PcapFile {
  try {
    return new PcapFile(path);
  } catch (error) {
    throw new CliError(`cannot write the capture: ${errorText(error)}`);
  }
}

const reportOnce =
  (path: string): ((error: Error) => void) =>
  (error) =>
    void process.stderr.write(`tapstack: the trace ${path} ends here: ${errorText(error)}\n`);

const isTerminal = (stream: Writable): boolean =>
  'isTTY' in stream && stream.isTTY === true && !process.env['NO_COLOR'];
