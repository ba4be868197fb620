/** Offsets, codes and sizes that composing a reply is about. */

/** Option codes the composer itself knows. */
export const Code = {
  hostName: 12,
  leaseTime: 51,
  maximumMessageSize: 57,
  messageType: 53,
  parameterRequestList: 55,
  renewal: 58,
  rebinding: 59,
  serverId: 54,
  clientId: 61,
  fqdn: 81,
  relayInfo: 82,
  machineId: 97,
  subnetSelection: 118,
  vendorClassIdentifying: 124,
  vendorIdentifying: 125,
} as const;

/** Offsets of header fields a reply patches (RFC 2131 figure 1). */
export const At = {
  hops: 3,
  xid: 4,
  flags: 10,
  ciaddr: 12,
  yiaddr: 16,
  giaddr: 24,
  chaddr: 28,
  sname: 44,
  file: 108,
  cookie: 236,
} as const;
/** Octets before the first option: header and magic cookie. */
export const HEADER_OCTETS = 240;
/** The shortest message BOOTP clients and relays take (RFC 1542 §2.1). */
export const MINIMUM_OCTETS = 300;
/** Magic cookie (RFC 2131 §3). */
export const COOKIE = 0x6382_5363;
/** op of a reply. */
export const REPLY_OP = 2;
/** Code that ends the options. */
export const END = 255;
/** Bit of the flags field that asks for broadcast. */
export const FLAG_BROADCAST = 0x8000;

/** IP and UDP headers, which the client's maximum message size includes (RFC 2132 §9.10 as dhcpd reads it). */
export const IP_UDP_OCTETS = 28;
/** What every client takes (RFC 2131 §2): 576 octets of IP datagram. */
export const DEFAULT_MAX_OCTETS = 576 - IP_UDP_OCTETS;
/** What fits one Ethernet frame. */
export const LARGEST_REPLY_OCTETS = 1500 - IP_UDP_OCTETS;
