/** `lessor omapi-keygen`: a key for OMAPI, and how dhcpd, lessor and omshell are told of it. */

import { randomBytes } from 'node:crypto';
import { ALGORITHMS, findAlgorithm } from '@lessor/omapi';
import { formatOptions, type OptionRow, parseOptions, UsageError } from './args.js';
import { ExitCode, type Io } from './io.js';

const OPTIONS: readonly OptionRow[] = [
  { name: 'name', short: 'n', value: 'NAME', help: 'name of the key; omapi_key' },
  { name: 'algorithm', short: 'a', value: 'NAME', help: 'hmac-sha224, -sha256, -sha384 or -sha512; hmac-sha256' },
  { name: 'legacy', help: 'also takes hmac-md5 and hmac-sha1, for clients that know no better' },
  { name: 'secret', help: 'print the secret alone: for "secret-file"' },
];

/** Usage of `lessor omapi-keygen`. */
export const OMAPI_KEYGEN_USAGE = `Usage: lessor omapi-keygen [options]

Makes a random secret, as long as the algorithm's hash, and prints the key for
lessor's configuration, for dhcpd.conf and for omshell.

${formatOptions(OPTIONS)}

  umask 027; lessor omapi-keygen --secret > /etc/kea/omapi.key
`;

/** What dhcpd.conf takes bare, and omshell's `key` command reads as one word. */
const PLAIN_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** Prints a key. @throws UsageError */
export async function runOmapiKeygen(argv: readonly string[], { stdout }: Io): Promise<number> {
  const args = parseOptions(argv, OPTIONS);
  if (args.positionals.length > 0) throw new UsageError(`unexpected argument '${args.positionals[0]}'`);
  const name = args.value('name') ?? 'omapi_key';
  if (!PLAIN_NAME.test(name)) {
    throw new UsageError(`'${name}' can not be written in dhcpd.conf and omshell: letters, digits, ".", "-" and "_"`);
  }
  const wanted = args.value('algorithm') ?? 'hmac-sha256';
  const algorithm = findAlgorithm(wanted);
  if (algorithm === undefined) {
    throw new UsageError(`no algorithm '${wanted}': there are ${ALGORITHMS.map((row) => row.name).join(', ')}`);
  }
  const isLegacy = algorithm.signatureOctets < 28;
  if (isLegacy && !args.flag('legacy')) {
    throw new UsageError(
      `${algorithm.name} is weak: use hmac-sha256, or add --legacy if a client knows nothing better`,
    );
  }
  // A secret as long as the hash: a longer one adds nothing (RFC 2104 §3).
  const secret = randomBytes(algorithm.signatureOctets).toString('base64');
  if (args.flag('secret')) stdout.write(`${secret}\n`);
  else stdout.write(snippets({ name, algorithm: algorithm.name, secret, ...(isLegacy && { legacy: true }) }));
  return ExitCode.ok;
}

/** A member of `keys` of the omapi block. */
interface Key {
  readonly name: string;
  readonly algorithm: string;
  readonly secret: string;
  readonly legacy?: true;
}

function snippets(key: Key): string {
  const { name, algorithm, secret } = key;
  const block = { listeners: [{ address: '127.0.0.1', port: 7911 }], keys: [key], 'allowed-sources': ['127.0.0.0/8'] };
  const dhcp4 = { 'user-context': { lessor: { omapi: block } } };
  const member = JSON.stringify(dhcp4, undefined, 2).split('\n').slice(1, -1).join('\n');
  return `# lessor: a member of "Dhcp4" (better: the secret in a file of its own, "secret-file" in the place of "secret")
${member}

# dhcpd.conf
key ${name} {
  algorithm ${algorithm};
  secret ${secret};
}
omapi-key ${name};
omapi-port 7911;

# omshell
key-algorithm ${algorithm}
key ${name} ${secret}
`;
}
