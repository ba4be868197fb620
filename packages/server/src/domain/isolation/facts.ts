/** What is known of the machine's network when it is judged whether a control listener stands apart from clients. */

/** A network device, as the kernel describes it (rtnetlink(7), RTM_GETLINK). */
export interface LinkFact {
  readonly name: string;
  readonly index: number;
  /** Lower-case hex with colons; empty where it has none. */
  readonly hwAddress: string;
  /** IFLA_INFO_KIND: vlan, macvlan, bridge, bond, veth; undefined for hardware. */
  readonly kind?: string;
  /** VLAN id of a `vlan` device. */
  readonly vlanId?: number;
  /** The device it is made upon (vlan, macvlan), or its other end (veth). */
  readonly parent?: {
    readonly index: number;
    /** Present: the number is one of another network namespace, which we know by this id alone. */
    readonly namespace?: number;
  };
  /** Index of the bridge, bond or team it is a port of. */
  readonly master?: number;
  readonly up: boolean;
  /** Up and with carrier. */
  readonly running: boolean;
  readonly loopback: boolean;
  /** Ethernet framing: broadcast frames can be sent. */
  readonly ethernet: boolean;
  readonly addresses: readonly LinkAddress[];
}

/** An address of a device. */
export interface LinkAddress {
  /** IPv4 or IPv6, without a zone. */
  readonly address: string;
  readonly prefixLength: number;
}

/** A packet to ask the kernel about. */
export interface RouteQuestion {
  readonly destination: string;
  /** It came in by the device of this index, from that address; absent: this machine sends it. */
  readonly input?: { readonly index: number; readonly source: string };
}

/** What the kernel would do with it. */
export type Route =
  | { readonly kind: 'local' }
  /** It leaves by the device of this index. */
  | { readonly kind: 'out'; readonly index: number }
  /** It is dropped; the kernel's word for it. */
  | { readonly kind: 'none'; readonly reason: string };

/** What the kernel would do with a packet that came in from clients for an address of a listener. */
export interface ReachFact {
  readonly listener: string;
  /** Device of clients it would come in by. */
  readonly from: string;
  readonly address: string;
  /** True if it would be delivered to this machine. */
  readonly delivered: boolean;
  /** What the kernel said where it would not be. */
  readonly reason?: string;
}

/** A packet of a client that the kernel would pass on to a management network. */
export interface ForwardFact {
  readonly from: string;
  readonly to: string;
  /** An address of the management network it was asked for. */
  readonly destination: string;
}

/** Outcome of sending frames on one device and listening on others. */
export type LeakProbe =
  | {
      readonly kind: 'done';
      /** Epoch ms. */
      readonly at: number;
      /** Device pairs between which a frame was heard. */
      readonly heard: readonly { readonly from: string; readonly to: string; readonly afterMs: number }[];
      /** Devices the probe could not use, and why. */
      readonly skipped: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'impossible'; readonly reason: string };

/** A DHCP server's answer to a client, seen on a management device. */
export interface StrayReply {
  readonly device: string;
  /** Address of the server that sent it. */
  readonly source: string;
  /** Epoch ms. */
  readonly at: number;
}

/** Everything the checks look at. */
export interface MachineFacts {
  /** Devices of this machine, or why they could not be read. */
  readonly links: readonly LinkFact[] | { readonly unreadable: string };
  /** Names of the devices on which DHCP clients are served. */
  readonly clientDevices: readonly string[];
  readonly reach: readonly ReachFact[];
  readonly forwards: readonly ForwardFact[];
  /** Undefined: not probed yet. */
  readonly leakProbe?: LeakProbe;
  /** DHCP answers seen of late; a text if nobody listens for them, which says why. */
  readonly strayReplies: readonly StrayReply[] | string;
  /** The driver that lets this machine talk to a BMC of its own is there (/dev/ipmi0). */
  readonly ownBmc: boolean;
}

/** The device a listener is bound to: the one it names, or the zone of its IPv6 link-local address. */
export function deviceOf({ interface: device, address }: { readonly interface?: string; readonly address: string }) {
  return device ?? zoneOf(address);
}

/** `mg0` of `fe80::1%mg0`; undefined where there is none. */
export function zoneOf(address: string): string | undefined {
  const at = address.indexOf('%');
  return at < 0 ? undefined : address.slice(at + 1);
}
