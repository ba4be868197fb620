/**
 * Where Kea 2.2 and lessor answer one command differently, and why. Most of it is what Kea has changed since: lessor
 * answers as 3.3.
 */

/** A difference between two answers. The first row that fits counts. */
export interface ApiDifference {
  readonly command: RegExp;
  /** What the command is like as it is sent; default: anything. */
  readonly sent?: RegExp;
  /** What the two answers are like, in one line: `RESULT TEXT | RESULT TEXT`, Kea's first. */
  readonly answers: RegExp;
  /** The words may be the same: the difference is in `arguments`, or in the leases there are afterwards. */
  readonly inArguments?: true;
  /** It is a matter of chance whether any command of a run meets it. */
  readonly sometimes?: true;
  readonly reason: string;
}

const since = (what: string): string => `As Kea 3.3: ${what}.`;
const CUT = 'Kea cuts the number to 32 bit, lessor refuses it or takes it as it is.';

/** The differences. */
export const API_DIFFERENCES: readonly ApiDifference[] = [
  {
    command: /./,
    answers:
      /^1 .*(get|contains|find)\(string\) called on a non-map Element in \| 1 arguments for the '.+' command must be a map$/,
    reason: 'Kea tells of its parser, lessor of the command.',
  },
  // What Kea 3.3 has changed.
  {
    command: /^lease4-(add|update|resend-ddns)$/,
    answers: /^1 (.+) \| 4 \1$/,
    reason: since('a conflict with leases or the configuration is result 4; recorded as "lease4-add again"'),
  },
  {
    command: /^lease4-(get|del|get-by-.*)$/,
    answers: /^1 (.+) \| 1 [Bb]ad '(hw-address|client-id|duid)' (identifier|parameter): \1$/,
    reason: since('the complaint names the argument; recorded as "by-hw-address dashes"'),
  },
  {
    command: /^lease4-.*$/,
    answers:
      /^1 (client-id is too short|DUID size is|Empty DUIDs|identifier is too short).* \| 1 .*identifier is too (short|large) /,
    reason: since('identifiers of every kind have the same complaints (duid.h)'),
  },
  {
    command: /^lease4-.*$/,
    answers: /^1 DUID size is \d+ bytes, exceeds maximum of 128 \| [034] /,
    reason: since('a client identifier has up to 255 octets (duid.h)'),
  },
  {
    command: /^lease4-(add|update)$/,
    answers: /^1 Invalid state value: \d+, .* 1 \(declined\) and 2 \(expired-reclaimed\) \| /,
    reason: since('a lease may be released; recorded as "lease4-add bad state"'),
  },
  {
    command: /^lease4-(get|del)$/,
    answers:
      /^1 (Incorrect identifier type: .*, the only supported values are:).* \| 1 \1 hw-address, duid, client-id$/,
    reason: since('what is supported is listed; recorded as "lease4-get bad type"'),
  },
  {
    command: /^lease4-(get|del)$/,
    answers: /^3 .*not found\. \| 1 Incorrect identifier type: address,/,
    reason: since('an address is no identifier (lease_cmds.cc, txtToType)'),
  },
  {
    command: /^lease4-(get|del|get-all)$/,
    answers:
      /^[13] .* \| 1 ('subnet-id' parameter is not a 32 bit unsigned integer\.|out of range subnet identifier .*)$/,
    reason: since('2.2 cuts the number to 32 bit, 3.3 refuses it (lease_cmds.cc)'),
  },
  {
    command: /^lease4-get-page$/,
    answers:
      /^1 page size of retrieved leases must not be .* \| 1 'limit' parameter (must not be 0|is not a 32 bit unsigned integer)\.$/,
    reason: since('the limit is a 32 bit number above 0; recorded as "lease4-get-page limit 0"'),
  },
  {
    command: /^lease4-get-by-hw-address$/,
    answers: /^[03] \d+ IPv4 lease\(s\) found\. \| 1 'hw-address' parameter must not be empty$/,
    reason: since('no address is refused (lease_cmds.cc)'),
  },
  {
    command: /^dhcp-(disable|enable)$/,
    answers: /^1 'origin' argument must be a string \| [01] /,
    reason: since('an origin may be a number (ctrl_dhcp4_srv.cc)'),
  },
  {
    command: /^config-test$/,
    answers: /^0 Configuration seems sane\. Control-socket, (.*) \| 0 Configuration seems sane\. Control-sockets, \1$/,
    reason: since('there may be several sockets; recorded as "config-test"'),
  },
  {
    command: /^config-get$/,
    answers: /^0 {2}\| 0 $/,
    inArguments: true,
    reason:
      since('the configuration has the parameters of 3.3; recorded as "config-get"') +
      ' What statistic-sample-count-set-all and statistic-sample-age-set-all set is no part of it, as it is in Kea.',
  },
  { command: /^version-get$/, answers: /^0 2\.2\.0 \| 0 3\.3\.\d+$/, reason: since('it is the version spoken') },
  { command: /^build-report$/, answers: /^0 .* \| 0 lessor build report/s, reason: 'It tells of the build.' },
  {
    command: /^lease4-update$/,
    sent: /"state": 2/,
    answers: /^0 {2}\| 0 $/,
    inArguments: true,
    reason: since('a lease that is set to reclaimed is not assigned any more (lease_mgr.cc, updateStatsOnUpdate)'),
  },
  // What lessor does otherwise.
  {
    command: /^lease4-(add|update)$/,
    sent: /"expire": (9223372036854775807|8589934590)/,
    answers: /^. .* \| 1 out of range value \(\d+\) specified for parameter 'expire'$/,
    reason: 'Times are kept until 2106; Kea takes any.',
  },
  {
    command: /^lease4-(get|del)$/,
    sent: /"identifier-type"/,
    answers: /^0 (.*) \| 0 \1$/,
    inArguments: true,
    sometimes: true,
    reason: 'Of several leases of an identifier in a subnet either finds one, by no order that is promised.',
  },
  {
    command: /^stat-lease4-get$/,
    answers: /^1 LeaseStatsQuery: last_subnet_id_must be > first_subnet_id_ \| 0 /,
    reason: 'A range of one subnet is one; Kea has a check too many behind the one whose words say so.',
  },
  {
    command: /^stat-lease4-get$/,
    sent: /(4294967296|9223372036854775807)/,
    answers: /^[13] /,
    reason: CUT,
  },
  {
    command: /^statistic-sample-(age|count)-set(-all)?$/,
    sent: /"(duration|max-samples)": (-1|4294967296|9223372036854775807)/,
    answers: /^. .* \| 1 '(duration|max-samples)' parameter is out of range$/,
    reason: CUT,
  },
  {
    command: /^statistic-sample-age-set(-all)?$/,
    answers:
      /^1 Error during command processing: intValue\(\) called on non-integer Element in \| 1 'duration' parameter expected to be an integer\.$/,
    reason: 'Kea tells of its parser, lessor of the argument, as Kea does of max-samples.',
  },
  {
    command: /^config-test$/,
    answers: /^1 unsupported global configuration parameter: x \| 1 unknown parameter "x" in Dhcp4 \(x\)$/,
    reason: "All errors are told, with where they are, in lessor's words.",
  },
  {
    command: /^config-write$/,
    answers: /^1 Error during write-config:Unable to open file (\S+) for writing \| 1 unable to write \1: /,
    reason: 'The reason is told with it.',
  },
  {
    command: /^dhcp-disable$/,
    answers:
      /^0 DHCPv4 service disabled for 9223372036854775807 seconds \| 0 DHCPv4 service disabled for 9223372036854776000 seconds$/,
    reason: 'Of a number beyond 2^53 the last digits are lost.',
  },
  {
    command: /^dhcp-disable$/,
    answers: /^1 ('max-period' .*(number|integer))'origin' argument must be a string \| 1 \1$/,
    sometimes: true,
    reason: 'Kea runs two complaints together, lessor tells the first.',
  },
];

/** What of an answer is not compared at all, and why. */
export const NOT_COMPARED: readonly { readonly what: string; readonly reason: string }[] = [
  {
    what: '`cumulative-assigned-addresses`',
    reason:
      'Kea counts leases that clients of its own got; lessor counts a lease however it came about, so one that a ' +
      'command adds counts too.',
  },
  {
    what: 'samples of statistics but the newest',
    reason: 'How many samples a change of leases leaves is another matter than what they come to.',
  },
  {
    what: 'gauges after `statistic-reset`',
    reason: "Kea's lease4-wipe sets them to 0 again, lessor goes on counting from there.",
  },
  {
    what: 'leases that end in the very second of `leases-reclaim`',
    reason: 'In Kea that second counts as after the end, in lessor as before it, as where addresses are given.',
  },
];

/** Commands that Kea 2.2 does not survive, or after which it tells no statistics; lessor refuses them with result 1. */
export const HARMFUL_TO_KEA: readonly {
  /** In words, for the manual. */
  readonly what: string;
  readonly text: RegExp;
  readonly reason: string;
}[] = [
  {
    what: '`lease4-resend-ddns` without arguments',
    text: /^\{ "command": "lease4-resend-ddns" \}$/,
    reason: 'Kea reads arguments that are not there.',
  },
  {
    what: '`statistic-sample-age-set` with `duration` 0, below, or far above',
    text: /"command": "statistic-sample-age-set(-all)?", .*"duration": (0|-1|4294967296|9223372036854775807) /,
    reason: 'An age of 0 or less leaves no sample, and Kea reads the newest.',
  },
  {
    what: '`statistic-sample-count-set` with `max-samples` 0 or 2^32',
    text: /"command": "statistic-sample-count-set", .*"max-samples": (0|4294967296) /,
    reason: 'A count of 0 leaves no sample, and Kea reads the newest.',
  },
];
