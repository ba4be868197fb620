/** Which lessor this is, and which Kea its interface is that of. */

import { createRequire } from 'node:module';

const manifest = createRequire(import.meta.url)('../package.json') as { readonly version: string };

/** Version of lessor (package.json). */
export const LESSOR_VERSION: string = manifest.version;

/**
 * The Kea release whose configuration, files and commands lessor speaks. Tools that start `kea-dhcp4 -v` or send
 * version-get decide by this number what they may ask, so it is what they are told first.
 */
export const KEA_COMPATIBILITY = '3.3.1';

/** Several lines for `-V` and the `extended` member of version-get. */
export function extendedVersion(): string {
  return [
    `${KEA_COMPATIBILITY} (lessor ${LESSOR_VERSION})`,
    `lessor ${LESSOR_VERSION}, a DHCPv4 server with the interface of Kea ${KEA_COMPATIBILITY}`,
    `running on Node.js ${process.versions.node}`,
    'lease database: memfile 3.0',
  ].join('\n');
}

/** Several lines: what this build is made of, for `-W` and the command build-report. */
export function buildReport(): string {
  return [
    'lessor build report',
    `  version:      ${LESSOR_VERSION} (interface of Kea ${KEA_COMPATIBILITY})`,
    `  runtime:      Node.js ${process.versions.node}, V8 ${process.versions.v8}, OpenSSL ${process.versions.openssl}`,
    `  platform:     ${process.platform} ${process.arch}`,
    '  lease store:  memfile 3.0',
    '  hooks:        built in; hooks-libraries only switches them on',
  ].join('\n');
}
