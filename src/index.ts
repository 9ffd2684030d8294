/**
 * tapstack's public API. Programs start with `createHost` and a link; simulations with `twoHosts` or `Simulation`. The parts
 * they are made of are exported too, so that each can be wrapped, watched or replaced.
 */

// A host in real time.
export { createHost, Host } from './node/host.ts';
export type { HostOptions, InterfaceOptions } from './node/host-options.ts';
export type { DriverOptions } from './stack/driver.ts';
export type {
  InterfaceSnapshot,
  ListenerSnapshot,
  NeighborSnapshot,
  RouteSnapshot,
  Snapshot,
} from './stack/snapshot.ts';

// Its sockets: with promises, as the man pages have them, and as Node streams.
export { Sockets } from './node/sockets.ts';
export type { CallOptions, ReceivedDatagram } from './node/call-types.ts';
export { OwnedDescriptor } from './node/owned-descriptor.ts';
export { NetError } from './node/net-error.ts';
export { posix, Posix, strerror } from './node/posix.ts';
export type { Interrupt } from './node/posix.ts';
export { SocketDuplex } from './node/duplex.ts';
export type { SocketDuplexOptions } from './node/duplex.ts';
export { SocketCalls } from './socket/calls.ts';
export type { InetAddress, Name, NameOut, PacketAddress, SocketAddress, UnixAddress } from './socket/address.ts';
export type { EpollEvent } from './socket/epoll.ts';
export type { ControlMessage, Credentials, ExtendedError, Message, PacketInfo } from './socket/message.ts';
export type { Linger, OptionInput, OptionValue, Timeval } from './socket/options/option.ts';
export type { PollFd, SelectSets } from './socket/poll.ts';
export * from './socket/constants.ts';
export { Errno, errnoName, errnoText } from './core/errno.ts';
export type { ErrnoName } from './core/errno.ts';

// Links, and what goes around them.
export type { FrameSink, Link } from './link/link.ts';
export { tap, TapError } from './link/tap.ts';
export type { TapOptions } from './link/tap.ts';
export { stream } from './link/stream.ts';
export type { StreamOptions } from './link/stream.ts';
export { cable } from './link/cable.ts';
export type { CableOptions } from './link/cable.ts';
export { EthernetSwitch } from './link/switch.ts';
export type { SwitchOptions } from './link/switch.ts';
export { LoopbackLink } from './link/loopback.ts';
export { impair } from './link/impair.ts';
export type { ImpairedLink, ImpairOptions } from './link/impair.ts';
export type { BurstLoss, ImpairSettings, ImpairStats } from './link/impairment.ts';
export { tee } from './link/tee.ts';
export type { Direction, TeeListener } from './link/tee.ts';
export { pcap, PcapWriter } from './link/pcap.ts';
export type { ByteSink, PcapOptions } from './link/pcap.ts';
export { PcapFile } from './link/pcap-file.ts';
export { readPcapng } from './link/pcapng.ts';
export type { Capture, CapturedInterface, CapturedPacket } from './link/pcapng.ts';

// The core without a shell, and simulations in virtual time.
export { Stack } from './stack/stack.ts';
export type { StackOptions } from './stack/stack.ts';
export { Driver, MonotonicClock } from './stack/driver.ts';
export { Simulation } from './lab/simulator.ts';
export type { SimulationOptions } from './lab/simulator.ts';
export { addHost, twoHosts } from './lab/topology.ts';
export type { LabHost, TwoHosts, TwoHostsOptions } from './lab/topology.ts';
export { transfer } from './lab/transfer.ts';
export type { Transfer, TransferOptions } from './lab/transfer.ts';
export { Frame, FramePool } from './core/frame.ts';
export { CryptoRandom, SeededRandom } from './core/random.ts';
export type { RandomSource } from './core/random.ts';
export { DEFAULT_CONFIG } from './core/config.ts';
export type { Config, ConfigOverrides } from './core/config.ts';
export { DROP_REASONS, Drops } from './core/drop.ts';
export type { DropReason } from './core/drop.ts';
export { HOUR, micros, MINUTE, MS, NEVER, SECOND, VirtualClock } from './core/time.ts';
export type { Clock, Micros } from './core/time.ts';
export type { TraceEvent } from './core/trace.ts';

// Frames in words.
export { dissect } from './inspector/dissect.ts';
export { describeFrame, Printer } from './inspector/print.ts';
export { ladder } from './inspector/ladder.ts';

// The contracts between the layers, for a layer of your own.
export type { IpAddress, Prefix } from './ip/address.ts';
export { formatAddress, parseAddress } from './ip/address.ts';
export type {
  IpErrorReport,
  IpPacket,
  IpService,
  OutputOptions,
  Path,
  ProtocolHandler,
  RawListener,
} from './ip/service.ts';
export type { LinkLayer, LinkLayerUser } from './ethernet/service.ts';
export type {
  ListenerCounters,
  TcpConnection,
  SendLimit,
  TcpInfo,
  TcpListener,
  TcpOptions,
  TcpService,
  TcpState,
} from './tcp/service.ts';
export { Readiness } from './tcp/service.ts';
export type { AckSample, CongestionControl, RateSample } from './tcp/congestion/control.ts';
export { WindowControl } from './tcp/congestion/base.ts';
export type { CongestionFactories, CongestionFactory } from './tcp/congestion/registry.ts';
export type { UdpOwner, UdpPort, UdpSendOptions, UdpService } from './udp/service.ts';
