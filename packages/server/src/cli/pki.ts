/** `lessor pki`: an authority of one's own, and certificates for listeners, operators and the servers of a pair. */

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { LessorError } from '../errors.js';
import { formatOptions, type OptionRow, type ParsedArgs, parseOptions, UsageError } from './args.js';
import { ExitCode, type Io, writeLine } from './io.js';
import { Authority, commonNameOf, type IssuedCertificate, type IssueRequest, serialOf } from './pki/authority.js';
import { NameError } from './pki/certificate.js';
import { formatColumns } from './table.js';

const MS_A_DAY = 86_400_000;
/** A certificate that ends sooner than this is worth a word. */
const SOON_DAYS = 30;

const OPTIONS: readonly OptionRow[] = [
  { name: 'dir', short: 'd', value: 'DIR', help: 'folder of the authority; ./pki' },
  { name: 'server', value: 'NAME', help: 'for a listener: what clients call this server' },
  { name: 'client', value: 'NAME', help: 'for an operator or a program' },
  { name: 'peer', value: 'NAME', help: 'for a server of a pair, with --relationship' },
  { name: 'relationship', value: 'NAME', help: 'name of the pair: PRIMARY-OTHER unless configured' },
  { name: 'san', value: 'TYPE:NAME', multiple: true, help: 'a further name: DNS:…, IP:…, URI:…, email:…' },
  { name: 'days', value: 'N', help: 'validity; 3650 for an authority, 397 for what it issues' },
  { name: 'name', value: 'NAME', help: 'init: name of the authority, for people' },
  { name: 'renew', help: 'issue: a new key and certificate in the place of the old ones' },
];

/** Usage text of `lessor pki`. */
export const PKI_USAGE = `Usage: lessor pki init  [-d DIR] [--name NAME] [--days N]
       lessor pki issue [-d DIR] --server NAME | --client NAME | --peer NAME --relationship NAME
       lessor pki revoke [-d DIR] NAME|FILE...
       lessor pki list  [-d DIR]
       lessor pki show  FILE...

init makes an authority: ca.pem goes to every machine, ca.key stays where it is
and is readable by its owner only. issue makes NAME.key and NAME.pem and prints
the lines of configuration that go with them. revoke adds certificates to
crl.pem, which goes to every machine as "crl-file". list and show print the names and
the days that are left.

${formatOptions(OPTIONS)}

Exit codes: 0 done, 1 it can not be done, or a certificate ends within ${SOON_DAYS} days
(list, show), 2 wrong usage.
`;

/** Runs `lessor pki`. @throws UsageError, LessorError */
export async function runPki(argv: readonly string[], io: Io): Promise<number> {
  const args = parseOptions(argv, OPTIONS);
  const [verb, ...words] = args.positionals;
  if (verb !== 'show' && verb !== 'revoke' && words.length > 0)
    throw new UsageError(`unexpected argument '${words[0]}'`);
  const folder = resolve(args.value('dir') ?? 'pki');
  switch (verb) {
    case 'init':
      return init(args, folder, io);
    case 'issue':
      return issue(args, folder, io);
    case 'list':
      return list(Authority.open(folder, Date.now), io);
    case 'revoke':
      if (words.length === 0) throw new UsageError('revoke whose certificate?');
      return revoke(folder, words, io);
    case 'show':
      if (words.length === 0) throw new UsageError('show which file?');
      return print(words.map(readCertificate), io);
    default:
      throw new UsageError('give one of init, issue, revoke, list and show');
  }
}

function init(args: ParsedArgs, folder: string, io: Io): number {
  const name = args.value('name') ?? `lessor authority of ${hostname()}`;
  Authority.create(folder, name, daysOf(args, 3650), Date.now);
  writeLine(io.stdout, `${join(folder, 'ca.pem')}: to be copied to every server and client`);
  writeLine(io.stdout, `${join(folder, 'crl.pem')}: what was revoked, nothing yet; to be copied to every server too`);
  writeLine(io.stdout, `${join(folder, 'ca.key')}: stays here; whoever has it can be anybody`);
  return ExitCode.ok;
}

function issue(args: ParsedArgs, folder: string, io: Io): number {
  const { file, request, snippet } = wanted(args);
  try {
    const paths = Authority.open(folder, Date.now).issue(file, request, args.flag('renew'));
    writeLine(io.stdout, `${paths.cert}: ${request.names.join(', ')}`);
    writeLine(io.stdout, `${paths.key}: its key\n`);
    writeLine(io.stdout, snippet({ ...paths, ca: join(folder, 'ca.pem'), crl: join(folder, 'crl.pem') }));
    return ExitCode.ok;
  } catch (error) {
    if (error instanceof NameError) throw new UsageError(error.message);
    throw error;
  }
}

/** Names are those of files in the folder; anything with a slash or an ending is a file. */
function revoke(folder: string, words: readonly string[], io: Io): number {
  const authority = Authority.open(folder, Date.now);
  const certificates = words.map((word) => {
    const file = /[/]|[.]pem$/.test(word) ? word : join(folder, `${word.replaceAll(':', '-')}.pem`);
    return readCertificate(file);
  });
  authority.revoke(certificates);
  for (const { file, certificate } of certificates) {
    writeLine(io.stdout, `${file}: revoked, serial number ${certificate.serialNumber}`);
  }
  writeLine(io.stdout, `${authority.listFile}: to be copied to every server, where "crl-file" names it`);
  return ExitCode.ok;
}

function list(authority: Authority, io: Io): number {
  const revoked = new Set(authority.revoked().map(({ serial }) => serial));
  return print(authority.list(), io, (certificate) => revoked.has(serialOf(certificate)));
}

/** Files of a certificate. */
interface Paths {
  readonly ca: string;
  readonly crl: string;
  readonly cert: string;
  readonly key: string;
}

/** What is to be issued, under which file name, and what to write into a configuration for it. */
interface Wanted {
  readonly file: string;
  readonly request: IssueRequest;
  snippet(paths: Paths): string;
}

/** The kinds of certificate by their option. */
function wanted(args: ParsedArgs): Wanted {
  const kinds = (['server', 'client', 'peer'] as const).filter((kind) => args.value(kind) !== undefined);
  const [kind, second] = kinds;
  if (kind === undefined || second !== undefined) throw new UsageError('give one of --server, --client and --peer');
  const name = args.value(kind)!;
  if (!/^[A-Za-z0-9][A-Za-z0-9._:-]{0,62}$/.test(name)) {
    throw new UsageError(`'${name}': letters, digits, '.', '-', '_' and ':', at most 63`);
  }
  const relationship = args.value('relationship');
  if ((kind === 'peer') !== (relationship !== undefined)) throw new UsageError('--peer goes with --relationship');
  const own = {
    server: isIP(name) === 0 ? `DNS:${name}` : `IP:${name}`,
    client: `URI:urn:lessor:client:${name}`,
    peer: `URI:urn:lessor:pair:${relationship}:${name}`,
  }[kind];
  const names = [own, ...args.values('san')];
  const request = { commonName: name, names, use: kind, days: daysOf(args, 397) };
  const snippet = { server: serverSnippet, client: clientSnippet, peer: peerSnippet }[kind];
  return { file: name.replaceAll(':', '-'), request, snippet: (paths) => snippet(paths, name, own) };
}

function serverSnippet({ ca, crl, cert, key }: Paths, name: string): string {
  const socket = {
    'socket-type': 'https',
    'socket-address': isIP(name) === 0 ? '192.0.2.1' : name,
    'socket-port': 8443,
    'trust-anchor': ca,
    'cert-file': cert,
    'key-file': key,
    'user-context': { lessor: { interface: 'mgmt0', sources: ['192.0.2.0/24'], 'crl-file': crl } },
  };
  return `An entry of "control-sockets" (put in your address, interface and sources):\n${json(socket)}`;
}

function clientSnippet({ ca, cert, key }: Paths, name: string, own: string): string {
  const principal = { name, certificates: [own], rights: [{ role: 'viewer' }] };
  return `An entry of "principals" in "user-context.lessor.access":
${json(principal)}

curl --cacert ${ca} --cert ${cert} --key ${key} \\
  -H 'Content-Type: application/json' -d '{"command":"status-get"}' https://SERVER:8443/`;
}

function peerSnippet({ ca, crl, cert, key }: Paths): string {
  const context = { lessor: { 'crl-file': crl } };
  const files = { 'trust-anchor': ca, 'cert-file': cert, 'key-file': key, 'user-context': context };
  return `Members of the relation in the parameters of libdhcp_ha.so on that server:\n${json(files)}`;
}

function json(value: unknown): string {
  return JSON.stringify(value, undefined, 2);
}

function daysOf(args: ParsedArgs, otherwise: number): number {
  const text = args.value('days');
  if (text === undefined) return otherwise;
  const days = Number(text);
  if (!Number.isInteger(days) || days < 1 || days > 36_500) throw new UsageError(`--days ${text}: 1 to 36500`);
  return days;
}

function readCertificate(file: string): IssuedCertificate {
  let octets: Buffer;
  try {
    octets = readFileSync(file);
  } catch (error) {
    throw new LessorError('pki', `${file} can not be read: ${(error as Error).message}`);
  }
  try {
    return { file, certificate: new X509Certificate(octets) };
  } catch (error) {
    throw new LessorError('pki', `${file} is not a certificate: ${(error as Error).message}`);
  }
}

function print(
  list: readonly IssuedCertificate[],
  io: Io,
  isRevoked: (certificate: X509Certificate) => boolean = () => false,
): number {
  const now = Date.now();
  const left = ({ certificate }: IssuedCertificate): number =>
    Math.floor((Date.parse(certificate.validTo) - now) / MS_A_DAY);
  const rows = list.map((each) => [
    each.file,
    commonNameOf(each.certificate),
    each.certificate.subjectAltName ?? (each.certificate.ca ? '(authority)' : '-'),
    isRevoked(each.certificate) ? 'revoked' : left(each) < 0 ? 'ended' : `${left(each)} days left`,
  ]);
  io.stdout.write(formatColumns([['file', 'name', 'certified names', 'validity'], ...rows]));
  return list.some((each) => left(each) < SOON_DAYS && !isRevoked(each.certificate)) ? ExitCode.failed : ExitCode.ok;
}
