/** Where the hook libraries that are built in do otherwise than Kea's own; docs/kea-compatibility.md shows these tables. */

/** Something a library of Kea does otherwise. */
export interface HookDifference {
  /** Name without `lib` and `.so`. */
  readonly library: string;
  readonly what: string;
  readonly reason: string;
}

/** A variable of libdhcp_run_script that differs. */
export interface VariableDifference {
  readonly variable: RegExp;
  readonly reason: string;
  readonly when: (kea: string, lessor: string) => boolean;
}

/** Variables whose values the test of both servers may find to differ. */
export const VARIABLE_DIFFERENCES: readonly VariableDifference[] = [
  {
    variable: /^QUERY4_(LOCAL|REMOTE)_HWADDR(_TYPE)?$/,
    reason:
      'Packets come from UDP sockets, which tell nothing of the link: these are empty, as in Kea with dhcp-socket-type udp.',
    when: (kea, lessor) => kea !== '' && lessor === '',
  },
];

/** Everything else. */
export const HOOK_DIFFERENCES: readonly HookDifference[] = [
  {
    library: 'dhcp_run_script',
    what: '`lease4_renew`',
    reason:
      'Kea calls it for a DHCPDISCOVER of a client that has a lease, too. That renews nothing, and nothing is called for what is not on stable storage.',
  },
  {
    library: 'dhcp_run_script',
    what: '`leases4_committed` with empty lists',
    reason:
      'Called where a DHCPREQUEST or DHCPINFORM was answered and no lease has changed. Kea 2.2 does not for a DHCPINFORM, and calls it for a DHCPRELEASE or DHCPDECLINE that it passes over.',
  },
  {
    library: 'dhcp_run_script',
    what: '`LEASE4_CLTT` of a lease confirmed without a write',
    reason: 'It is what is stored; Kea tells the time of the message, which it does not store.',
  },
  {
    library: 'dhcp_run_script',
    what: '`LEASE4_HWADDR_TYPE`',
    reason:
      'Leases are kept without it, in Kea too once it has been restarted: 1 where the client itself is not at hand.',
  },
  {
    library: 'dhcp_run_script',
    what: 'how many run',
    reason:
      'At most 16 scripts at once, with 2048 calls waiting; more are counted, logged and not made. Kea begins one for each call, however many run.',
  },
  {
    library: 'dhcp_run_script',
    what: 'priority and capabilities',
    reason: 'Scripts run as the user of the server, with a lower priority (nice 10) and without ambient capabilities.',
  },
  {
    library: 'dhcp_run_script',
    what: 'exit status',
    reason: 'One other than 0 is logged. Kea takes no notice of it.',
  },
  {
    library: 'dhcp_flex_option',
    what: '`sub-options` of option 125',
    reason:
      'Their `space` is vendor-NNN, else the configuration is refused: Kea takes another, and sends an option that is none of RFC 3925.',
  },
  {
    library: 'dhcp_flex_option',
    what: 'a value of a sub-option beyond 255 octets',
    reason: 'It ends the rules, as an expression does that fails: its length has no room for it.',
  },
  {
    library: 'dhcp_flex_option',
    what: 'an expression that fails where there is nothing to do',
    reason:
      'It ends the rules in any case; Kea does not come to evaluate it where the reply has, or has not, what would be added or removed.',
  },
  {
    library: 'dhcp_flex_option',
    what: '`source`, `destination`',
    reason: 'The values of Kea 3.3 that make expressions look at the reply, or change the query, are refused.',
  },
];
