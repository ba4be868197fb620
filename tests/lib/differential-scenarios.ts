/**
 * Configurations that differ in what decides a reply, for the comparison of two servers. They are in Kea 2.2's words,
 * which both read. Every one has subnet 10.1.0.0/24 on the server's own link.
 */

import type { Dhcp4 } from './server.js';
import { KEA_HOOKS } from './subject.js';

/** One configuration and what it is about. */
export interface Scenario {
  readonly title: string;
  readonly dhcp4: Dhcp4;
  /** True: some subnets are for some clients only. */
  readonly guarded?: boolean;
}

type Members = Readonly<Record<string, unknown>>;

/** A /24 with a pool from .100 to .199. */
function subnet(id: number, members: Members = {}): Members {
  return { id, subnet: `10.${id}.0.0/24`, pools: [{ pool: `10.${id}.0.100 - 10.${id}.0.199` }], ...members };
}

/** Two ordinary subnets, then a shared network of two. */
function network(global: Members = {}, local: Members = {}, shared: Members = {}): Dhcp4 {
  return {
    'valid-lifetime': 4000,
    ...global,
    subnet4: [subnet(1, local), subnet(2)],
    'shared-networks': [{ name: 'floor', subnet4: [subnet(3), subnet(4)], ...shared }],
  };
}

const data = (name: string, text: string, members: Members = {}): Members => ({ name, data: text, ...members });

const OPTIONS = [
  data('routers', '10.1.0.1, 10.1.0.2'),
  data('domain-name-servers', '192.0.2.53'),
  data('domain-name', 'example.org'),
  data('ntp-servers', '192.0.2.123', { 'always-send': true }),
  data('boot-file-name', 'global.efi'),
  data('tftp-server-name', 'tftp.example.org'),
  data('domain-search', 'a.example.org, b.example.org'),
  { code: 121, data: '10:0a:09:0a:01:00:09', 'csv-format': false },
  { code: 224, data: '01:02:03', 'csv-format': false },
  { code: 225, data: 'CAFE', 'csv-format': false, 'always-send': true },
];

const RESERVATIONS = [
  {
    'hw-address': '02:33:00:00:00:01',
    'ip-address': '10.1.0.10',
    hostname: 'one',
    'next-server': '192.0.2.1',
    'server-hostname': 'boot-one',
    'boot-file-name': 'one.efi',
    'option-data': [data('domain-name-servers', '192.0.2.1'), data('host-name', 'told-otherwise')],
  },
  { 'client-id': '01:02:33:00:00:00:02', 'ip-address': '10.1.0.150', hostname: 'two.other.example.' },
  {
    'circuit-id': "'port 3'",
    'ip-address': '10.1.0.11',
    'client-classes': ['blue'],
    'option-data': [data('boot-file-name', 'three.efi', { 'always-send': true })],
  },
  { 'hw-address': '02:33:00:00:00:04', hostname: 'four' },
];

/** Standard options of the less common forms. */
const STANDARD = [
  data('time-offset', '-3600'),
  data('ip-forwarding', 'true'),
  data('policy-filter', '10.0.0.0, 255.0.0.0, 10.1.0.0, 255.255.0.0'),
  data('path-mtu-plateau-table', '68, 296'),
  data('static-routes', '10.0.0.1, 10.0.0.2'),
  data('slp-directory-agent', 'true, 192.0.2.1, 192.0.2.2'),
  data('slp-service-scope', 'false, scope'),
  data('nwip-domain-name', 'nwip'),
  data('pcode', 'EST5EDT'),
  data('domain-search', 'example.org, a.example.org'),
  data('uap-servers', 'http://example.org'),
  data('netinfo-server-address', '192.0.2.9'),
  data('v4-portparams', '1, 3/4'),
  data('vendor-class-identifier', 'server'),
  data('arp-cache-timeout', '30'),
  data('client-ndi', '1, 2, 3'),
  data('subnet-mask', '255.255.255.128'),
  data('broadcast-address', '10.1.0.255'),
];

/** Updates enabled towards a port where nobody listens: what the client is told is the same. */
const D2 = { 'dhcp-ddns': { 'enable-updates': true } };

/** All of them. */
export const SCENARIOS: readonly Scenario[] = [
  { title: 'hardly anything configured', dhcp4: network() },
  { title: 'authoritative', dhcp4: network({ authoritative: true, 'match-client-id': false }) },
  {
    title: 'lifetimes and timers',
    dhcp4: network(
      { 'min-valid-lifetime': 1000, 'max-valid-lifetime': 9000, 'calculate-tee-times': true },
      {
        'valid-lifetime': 600,
        'min-valid-lifetime': 600,
        'max-valid-lifetime': 800,
        'renew-timer': 300,
        'rebind-timer': 700,
      },
      { 'valid-lifetime': 5000, 't1-percent': 0.25, 't2-percent': 0.6 },
    ),
  },
  {
    title: 'timers that do not fit',
    dhcp4: network({ 'renew-timer': 3000, 'rebind-timer': 5000 }, { 'valid-lifetime': 2000 }),
  },
  {
    title: 'options at all levels',
    dhcp4: {
      ...network(
        { 'option-data': OPTIONS, 'echo-client-id': false, 'next-server': '192.0.2.200' },
        {
          'option-data': [data('routers', '10.1.0.254'), data('boot-file-name', 'one-net.efi')],
          'boot-file-name': 'local.efi',
          'server-hostname': 'local',
        },
        {
          'option-data': [data('domain-name', 'floor.example.org', { 'always-send': true })],
          'boot-file-name': 'floor.efi',
        },
      ),
    },
  },
  {
    title: 'vendor options',
    dhcp4: {
      ...network({
        'option-def': [
          { name: 'a', code: 1, space: 'vendor-encapsulated-options-space', type: 'uint16' },
          { name: 'b', code: 2, space: 'vendor-encapsulated-options-space', type: 'string' },
          { name: 'file', code: 5, space: 'vendor-4491', type: 'string' },
          { name: 'when', code: 6, space: 'vendor-25506', type: 'uint32', array: true },
          { name: 'outer', code: 226, type: 'uint8', encapsulate: 'inner' },
          { name: 'x', code: 1, space: 'inner', type: 'ipv4-address' },
          { name: 'mixed', code: 227, type: 'record', 'record-types': 'uint8, boolean, string' },
        ],
        'option-data': [
          data('a', '513', { space: 'vendor-encapsulated-options-space' }),
          data('b', 'text', { space: 'vendor-encapsulated-options-space' }),
          data('vendor-encapsulated-options', '', { 'csv-format': false }),
          data('file', 'cable.bin', { space: 'vendor-4491' }),
          data('when', '7, 8', { space: 'vendor-25506', 'always-send': true }),
          data('vivso-suboptions', '4491'),
          data('outer', '9'),
          data('x', '192.0.2.9', { space: 'inner' }),
          data('mixed', '3, true, words'),
        ],
      }),
    },
  },
  {
    title: 'standard options of the less common forms',
    dhcp4: network({ 'option-data': STANDARD.map((one) => ({ ...one, 'always-send': true })) }),
  },
  {
    title: 'classes',
    dhcp4: {
      ...network({ 'option-data': OPTIONS }, { 'require-client-classes': ['late', 'red'] }),
      'client-classes': [
        {
          name: 'red',
          test: "substring(option[60].hex, 0, 3) == 'red'",
          'only-if-required': true,
          'option-data': [data('domain-name', 'red')],
        },
        {
          name: 'pxe',
          test: "option[60].hex == 'PXEClient'",
          'boot-file-name': 'class.efi',
          'next-server': '192.0.2.66',
          'valid-lifetime': 333,
        },
        {
          name: 'arch',
          test: 'option[93].hex == 0x0007 and not member("pxe")'.replaceAll('"', "'"),
          'server-hostname': 'arch',
          'boot-file-name': 'arch.efi',
        },
        {
          name: 'relayed',
          test: 'relay4[1].exists',
          'option-data': [data('domain-name', 'relayed'), data('log-servers', '192.0.2.7', { 'always-send': true })],
        },
        { name: 'blue', 'option-data': [data('domain-name', 'blue')] },
        { name: 'known', test: "member('KNOWN')", 'option-data': [data('domain-name-servers', '192.0.2.77')] },
        {
          name: 'late',
          test: 'option[12].exists or pkt4.giaddr == 10.1.0.2',
          'option-data': [data('nis-domain', 'late', { 'always-send': true })],
        },
        { name: 'VENDOR_CLASS_red', 'option-data': [data('nis-servers', '192.0.2.88')] },
        { name: 'DROP', test: "option[60].hex == 'bad'" },
      ],
      reservations: [{ 'hw-address': '02:33:00:00:00:04', 'client-classes': ['blue'] }],
      'reservations-global': true,
    },
  },
  {
    title: 'pools and subnets of classes',
    guarded: true,
    dhcp4: {
      'valid-lifetime': 4000,
      'client-classes': [
        { name: 'a', test: "option[60].hex == 'PXEClient'" },
        { name: 'b', test: "not member('a')" },
      ],
      subnet4: [
        subnet(1, {
          pools: [
            { pool: '10.1.0.100 - 10.1.0.120', 'client-class': 'a', 'option-data': [data('routers', '10.1.0.120')] },
            { pool: '10.1.0.130 - 10.1.0.150', 'client-class': 'b', 'require-client-classes': [] },
          ],
        }),
        subnet(2, { 'client-class': 'a', 'option-data': [data('domain-name', 'two')] }),
      ],
      'shared-networks': [
        {
          name: 'floor',
          relay: { 'ip-addresses': ['10.9.0.1'] },
          subnet4: [subnet(3, { 'client-class': 'a' }), subnet(4, { 'client-class': 'b' })],
        },
      ],
    },
  },
  {
    title: 'reservations',
    dhcp4: network(
      {
        'option-data': OPTIONS,
        'host-reservation-identifiers': ['circuit-id', 'hw-address', 'client-id'],
        'client-classes': [{ name: 'blue', 'option-data': [data('domain-name', 'blue')] }],
      },
      { reservations: RESERVATIONS },
      { 'boot-file-name': 'floor.efi' },
    ),
  },
  {
    title: 'reservations out of pools',
    dhcp4: network(
      { 'host-reservation-identifiers': ['client-id', 'hw-address'], 'reservations-out-of-pool': true },
      {
        reservations: [
          { 'client-id': 'ff:00:11:22:33', 'ip-address': '10.1.0.12', hostname: 'outside' },
          { 'hw-address': '02:33:00:00:00:01', 'ip-address': '10.1.0.10' },
          { 'hw-address': '02:33:00:00:00:03', 'ip-address': '10.1.0.160' },
        ],
      },
    ),
  },
  {
    title: 'global reservations',
    dhcp4: network({
      'reservations-global': true,
      'reservations-in-subnet': false,
      'ddns-qualifying-suffix': 'example.net',
      reservations: [
        // Without an address: Kea 2.2 would give it in other networks, too; Kea 3 does not.
        { 'hw-address': '02:33:00:00:00:01', hostname: 'one', 'next-server': '192.0.2.1' },
        {
          'hw-address': '02:33:00:00:00:04',
          hostname: 'four',
          'boot-file-name': 'four.efi',
          'option-data': [data('routers', '10.1.0.44')],
        },
      ],
    }),
  },
  {
    title: 'names without D2',
    dhcp4: network(
      { 'ddns-qualifying-suffix': 'example.org', 'ddns-override-client-update': true },
      { reservations: RESERVATIONS.slice(0, 2) },
    ),
  },
  {
    title: 'names with D2',
    dhcp4: network({ ...D2, 'ddns-qualifying-suffix': 'example.org.' }, { reservations: RESERVATIONS.slice(0, 2) }),
  },
  {
    title: 'names replaced and overridden',
    dhcp4: network(
      {
        ...D2,
        'ddns-override-no-update': true,
        'ddns-override-client-update': true,
        'ddns-replace-client-name': 'when-present',
        'ddns-qualifying-suffix': 'example.org',
        'hostname-char-set': '[^A-Za-z0-9.-]',
        'hostname-char-replacement': 'x',
      },
      { 'ddns-replace-client-name': 'when-not-present', 'ddns-generated-prefix': 'gen' },
      {
        'hostname-char-set': '[^A-Za-z0-9-]',
        'hostname-char-replacement': '',
        'ddns-send-updates': false,
        'ddns-replace-client-name': 'never',
      },
    ),
  },
  {
    title: 'server identifiers',
    dhcp4: network(
      {
        authoritative: true,
        'option-data': [data('dhcp-server-identifier', '10.1.0.77')],
      },
      { 'option-data': [data('dhcp-server-identifier', '10.1.0.1')] },
    ),
  },
  {
    title: 'full pools',
    dhcp4: {
      ...network({ 'client-classes': [{ name: 'KNOWN', 'option-data': [data('domain-name', 'known')] }] }),
      subnet4: [
        subnet(1, {
          pools: [{ pool: '10.1.0.160 - 10.1.0.160', 'client-class': 'KNOWN' }],
          reservations: [
            { 'hw-address': '02:33:00:00:00:01', hostname: 'one' },
            { 'hw-address': '02:33:00:00:00:03', 'ip-address': '10.1.0.161' },
          ],
        }),
        subnet(2, { pools: [], reservations: [{ 'hw-address': '02:33:00:00:00:04', 'ip-address': '10.2.0.4' }] }),
      ],
      'shared-networks': [
        {
          name: 'floor',
          subnet4: [
            subnet(3, { pools: [{ pool: '10.3.0.100/32' }], 'option-data': [data('routers', '10.3.0.1')] }),
            subnet(4, {
              pools: [{ pool: '10.4.0.100 - 10.4.0.101', 'option-data': [data('routers', '10.3.0.1')] }],
              reservations: [{ 'hw-address': '02:33:00:00:00:05', 'ip-address': '10.4.0.5', 'boot-file-name': 'five' }],
            }),
          ],
        },
      ],
    },
  },
  {
    title: 'lifetimes of classes, and boot fields everywhere',
    dhcp4: {
      ...network(
        {
          'min-valid-lifetime': 500,
          'max-valid-lifetime': 6000,
          'next-server': '192.0.2.3',
          'boot-file-name': 'global',
        },
        { 'server-hostname': 'subnet', reservations: RESERVATIONS },
        { 'next-server': '192.0.2.4', 'valid-lifetime': 2500, 'calculate-tee-times': true },
      ),
      'client-classes': [
        {
          name: 'red',
          test: "option[60].hex == 'red'",
          'valid-lifetime': 900,
          'min-valid-lifetime': 300,
          'max-valid-lifetime': 1000,
        },
        { name: 'pxe', test: "option[60].hex == 'PXEClient'", 'boot-file-name': 'class', 'valid-lifetime': 4294967295 },
        { name: 'blue', 'server-hostname': 'blue', 'next-server': '192.0.2.5' },
        { name: 'KNOWN', 'boot-file-name': 'known' },
      ],
    },
  },
  {
    title: 'BOOTP',
    dhcp4: network(
      { 'hooks-libraries': [{ library: `${KEA_HOOKS}/libdhcp_bootp.so` }], 'option-data': OPTIONS },
      { reservations: RESERVATIONS },
    ),
  },
];
