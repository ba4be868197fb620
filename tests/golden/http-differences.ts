/**
 * Where lessor's HTTP is another than that of the recorded Kea, and why. http-replay.test.ts holds each row to what
 * lessor really answers; docs/kea-compatibility.md is made from this table and that of control-differences.ts.
 */

/** Recorded HTTP sessions: 3.3 a server's own sockets, 2.2 the Control Agent. */
export type HttpTranscript =
  | '3.3-http'
  | '3.3-http-auth'
  | '3.3-https'
  | '3.3-http-timeouts'
  | '3.3-http-reconfigure'
  | '2.2-http'
  | '2.2-http-auth'
  | '2.2-https';

/** A difference: every step whose name fits. */
export interface HttpDifference {
  readonly transcripts: RegExp;
  readonly step: RegExp;
  /** What the outcome (JSON of status, headers, body, closed) is like here. */
  readonly lessor: RegExp;
  readonly reason: string;
}

const KEPT_BUT_CLOSED =
  'The server may close after a request it could not make out: where the next one begins is anybody’s guess.';

/** The answer of a request that is not HTTP as RFC 9112 has it. */
const BAD_REQUEST = /^\{"answers":\[\{"status":"400 Bad Request".*"closed":true\}$/;
const DONE = /^\{"answers":\[\{"status":"200 OK".*"result":0/;
const WORDS =
  'All errors are told, not only the first, each with its JSON path or its file, line and column. The words are ' +
  "lessor's own.";
const WARNED = 'The answer carries warnings, as the member `warnings` of its arguments.';
const OLD_WORDS = 'Kea 2.2 worded it so; lessor answers as Kea 3.3 does.';

/** The differences. The first row that fits counts. */
export const HTTP_DIFFERENCES: readonly HttpDifference[] = [
  {
    transcripts: /-http$/,
    step: /^HTTP\/1\.1 Connection: close, te$/,
    lessor: /"200 OK".*"closed":true/,
    reason: '`close` among other words of Connection means close too (RFC 9110 §7.6.1); Kea looks for it alone.',
  },
  {
    transcripts: /-http$/,
    step: /^HTTP\/1\.2$/,
    lessor: BAD_REQUEST,
    reason: 'There is no HTTP/1.2; Kea answers it as HTTP/1.0.',
  },
  {
    transcripts: /-http$/,
    step: /^HTTP\/2\.0$/,
    lessor: /"200 OK".*"closed":true/,
    reason: 'Nobody who says HTTP/2.0 in a request line goes on in HTTP/1: the connection is closed after the answer.',
  },
  {
    transcripts: /-http$/,
    step: /^method HEAD$/,
    lessor: /"400 Bad Request".*"json":null/,
    reason: 'An answer to HEAD has no body (RFC 9110 §9.3.2): one would be taken for the next answer.',
  },
  {
    transcripts: /-http$/,
    step: /^method (post|Post)$/,
    lessor: BAD_REQUEST,
    reason: 'Methods are written in upper case (RFC 9110 §9.1).',
  },
  {
    transcripts: /-http$/,
    step: /^content type application\/json; charset=utf-8$/,
    lessor: DONE,
    reason: 'Many libraries send a charset and can not be told not to. It is taken and changes nothing.',
  },
  {
    transcripts: /-http$/,
    step: /^content length too short$/,
    lessor: BAD_REQUEST,
    reason: `What follows the body is no request. ${KEPT_BUT_CLOSED}`,
  },
  {
    transcripts: /-http$/,
    step: /^(content length (not a number|negative)|chunked plus length|duplicate content length)$/,
    lessor: BAD_REQUEST,
    reason: 'Two proxies would see two different bodies: such requests are refused (RFC 9112 §6.3), against smuggling.',
  },
  {
    transcripts: /-http$/,
    step: /^chunked$/,
    lessor: DONE,
    reason: 'Chunked bodies are taken: clients that stream have no length to tell.',
  },
  {
    transcripts: /-http$/,
    step: /^expect 100-continue$/,
    lessor: /"100 Continue".*"200 OK"/,
    reason:
      'Who asks whether to send the body is told so, after the credentials have been looked at (RFC 9110 §10.1.1).',
  },
  {
    transcripts: /-http$/,
    step: /^pipelined$/,
    lessor: /"200 OK".*"200 OK"/,
    reason: 'Requests sent without waiting are all answered; Kea throws away what it has read beyond the first.',
  },
  {
    transcripts: /-http$/,
    step: /^folded header$/,
    lessor: BAD_REQUEST,
    reason: 'Folded headers are obsolete and refused (RFC 9112 §5.2).',
  },
  {
    transcripts: /-http$/,
    step: /^tab in header value$/,
    lessor: DONE,
    reason: 'A tab is white space in a header value (RFC 9110 §5.5).',
  },
  {
    transcripts: /^3.3-http$/,
    step: /^command not a string$/,
    lessor: /got integer instead/,
    reason: 'Kea names the type of the whole command here, lessor that of the member.',
  },
  {
    transcripts: /^3.3-http$/,
    step: /^service \["dhcp4", "dhcp(6|4)"\]$/,
    lessor: /"json":\[\{"arguments":\{"extended".*\},\{/,
    reason: 'Several services are answered one by one, as the Control Agent did: its clients find the port usable.',
  },
  {
    transcripts: /^3.3-http$/,
    step: /^list-commands/,
    lessor: /"class-add"/,
    reason: 'It lists what lessor has, whichever hook libraries the configuration names.',
  },
  {
    transcripts: /^3.3-http$/,
    step: /^status-get/,
    lessor: /"lease-store":\{"status":"ready"\},"multi-threading-enabled":false/,
    reason: "One loop serves all packets: there is no thread pool to tell of. lease-store is lessor's own.",
  },
  {
    transcripts: /^3.3-http$/,
    step: /^config-test bad$/,
    lessor: /"result":1,"text":"unknown parameter \\"bogus\\" in Dhcp4 \(bogus\)"/,
    reason: WORDS,
  },
  {
    transcripts: /-http-auth$/,
    step: /^malformed JSON without credentials$/,
    lessor: /"401 Unauthorized"/,
    reason:
      'Credentials are looked at before the body is read: no stranger makes the server parse anything (CVE-2026-3608).',
  },
  {
    transcripts: /^2.2-http$/,
    step: /^(body is (a list|a string|empty map)|command not a string|extra member|service \[5\])$/,
    lessor:
      /"200 OK".*"result":1,"text":"(Error during command processing: invalid command: |service name must be a string)/,
    reason: OLD_WORDS,
  },
  {
    transcripts: /^2.2-http$/,
    step: /^list-commands no service$/,
    lessor: /"config-hash-get"/,
    reason: 'The agents of Kea 2.4 to 3.0 have config-hash-get too.',
  },
  {
    transcripts: /^2.2-/,
    step: /^config-get/,
    lessor: /"Control-agent":\{.*"output-options":.*"hash":/,
    reason: 'output-options is spelled as since Kea 2.6, and the hash is told as since 2.4.',
  },
  {
    transcripts: /^2.2-http-auth$/,
    step: /^good, one file user:password$/,
    lessor: DONE,
    reason:
      'Only the first line of a credential file counts, as in Kea 3: in 2.2 the newline became part of the password.',
  },
  {
    transcripts: /reconfigure$/,
    step: /^port 8000 from https to http$/,
    lessor: /"result":0/,
    reason: 'A listener changes between HTTP and HTTPS on its port; connections that are open go on as they began.',
  },
  {
    transcripts: /reconfigure$/,
    step: /^8000 after the refused change$/,
    lessor: /"200 OK"/,
    reason: 'The change was made.',
  },
  {
    transcripts: /reconfigure$/,
    step: /^cert file missing$/,
    lessor: /"result":1,"text":"load of cert file '\/nonexistent' failed: No such file or directory"/,
    reason: 'Everything is opened before anything is changed: a failure leaves no trace, so it is never fatal (5).',
  },
  {
    transcripts: /reconfigure$/,
    step: /^duplicate address and port$/,
    lessor: /"result":1,"text":"127.0.0.1 port \d+ is already used by control-sockets\[1\]/,
    reason: 'Kea lets the later entry win silently: one without credentials would open a port that has some.',
  },
  {
    transcripts: /reconfigure$/,
    step: /^unknown keyword$/,
    lessor: /"result":1,"text":"unknown parameter \\"bogus\\"/,
    reason: 'What a file may not say a command may not say either.',
  },
  {
    transcripts: /reconfigure$/,
    step: /^singular control-socket/,
    lessor: /"warnings":\[".*is an old name.*"result":0/,
    reason: 'The singular of Kea up to 2.7 is taken, with a warning, and written back as control-sockets.',
  },
  {
    transcripts: /reconfigure$/,
    step: /^(same again|port 8000 back, as http|http socket with TLS files|unix socket renamed|name back|port 0|no port, no address)$/,
    lessor: /"warnings":\[.*"result":0/,
    reason: WARNED,
  },
  {
    transcripts: /reconfigure$/,
    step: /^(https socket without|only cert-file|two unix|duplicate unix|unix socket (elsewhere|bare)|unix with|http with|unknown (type|keyword in)|no type|bad address|port (70000|string))/,
    lessor: /"result":1,"text":".*\(control-sockets\[\d\].*\)"/,
    reason: WORDS,
  },
];
