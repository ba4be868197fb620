/** dhcpd.conf and dhcpd.leases converted: what becomes of each statement, and that nothing is dropped in silence. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { convertDhcpd } from 'lessor/internal/cli/dhcpd/convert.js';
import { convertLeases, runTimeObjects } from 'lessor/internal/cli/dhcpd/leases.js';
import { readTree } from 'lessor/internal/cli/dhcpd/tree.js';
import type { Json } from 'lessor/internal/domain/snapshot.js';
import { LessorError } from 'lessor/internal/errors.js';

function convert(text: string): { readonly config: Readonly<Record<string, Json>>; readonly notes: readonly string[] } {
  const { config, notes } = convertDhcpd(
    readTree('dhcpd.conf', () => text),
    ['eth0'],
  );
  return { config, notes: notes.map(({ kind, place, text: why }) => `${kind} ${place} ${why}`) };
}

/** One member of what a text becomes. */
function member(text: string, name: string): Json | undefined {
  return convert(text).config[name];
}

const SUBNET = 'subnet 192.0.2.0 netmask 255.255.255.0';

describe('The language of dhcpd.conf', () => {
  const tree = (text: string, files: Readonly<Record<string, string>> = {}) =>
    readTree('dhcpd.conf', (file) => (file === 'dhcpd.conf' ? text : files[file]!));

  it('has statements with the line they begin in, comments, strings with escapes, and blocks', () => {
    const [option, subnet] = tree('# a comment\noption x "a\\"b;{\\101"; subnet\n a { range\n b; }');
    assert.deepEqual(
      option!.words.map(({ text }) => text),
      ['option', 'x', 'a"b;{A'],
    );
    assert.equal(option!.line, 2);
    assert.deepEqual([subnet!.line, subnet!.body![0]!.line], [2, 3]);
    assert.equal(option!.text, 'option x "a\\"b;{\\101";');
  });

  it('includes files, and not itself', () => {
    const read = tree('include "a.conf"; not authoritative;', { 'a.conf': '\nauthoritative;' });
    assert.deepEqual(
      read.map(({ file, line }) => `${file}:${line}`),
      ['a.conf:2', 'dhcpd.conf:1'],
    );
    assert.throws(
      () => tree('include "a.conf";', { 'a.conf': 'include "dhcpd.conf";' }),
      /a\.conf:1: .* includes itself/,
    );
  });

  it('says where a file is included that can not be read', () => {
    const read = (file: string): string => {
      if (file === 'dhcpd.conf') return 'authoritative;\ninclude "/etc/dhcp/pools";';
      throw new Error('no such file');
    };
    assert.throws(
      () => readTree('dhcpd.conf', read),
      /^\S+: dhcpd\.conf:2: can not read \/etc\/dhcp\/pools: no such file$/,
    );
  });

  it('says in which line it is broken', () => {
    for (const [text, message] of [
      ['authoritative', /dhcpd\.conf:1: a ';' or a block is missing/],
      ['\n}', /dhcpd\.conf:2: there is no block to end/],
      ['\n\nsubnet x {', /dhcpd\.conf:3: a block does not end/],
      ['option x "abc', /dhcpd\.conf:1: a string does not end/],
      ['if known;', /dhcpd\.conf:1: if without a block/],
    ] as const) {
      assert.throws(() => tree(text), message);
    }
  });

  it('whatever the text: it is read and converted, or LessorError is thrown', () => {
    const words = fc.constantFrom(
      ...[
        'subnet',
        'option',
        'host',
        'pool',
        'range',
        'if',
        'else',
        'class',
        'match',
        'subclass',
        'group',
        'code',
        '=',
      ],
      ...['{', '}', ';', ',', '"', '"a"', '10.0.0.0', '255.0.0.0', 'netmask', 'hardware', 'ethernet', '1:2', '#', '\n'],
      ...[
        'fixed-address',
        'default-lease-time',
        '60',
        'domain-name',
        'allow',
        'members',
        'of',
        'shared-network',
        'key',
      ],
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(words, fc.string({ maxLength: 4 })), { maxLength: 60 }), (list) => {
        try {
          convert(list.join(' '));
        } catch (error) {
          if (!(error instanceof LessorError)) throw error;
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe('A converted configuration', () => {
  it('has the lease times of dhcpd where the file has none, in the order Kea wants', () => {
    const { config } = convert('');
    assert.deepEqual(
      ['valid-lifetime', 'min-valid-lifetime', 'max-valid-lifetime'].map((name) => config[name]),
      [43_200, 300, 86_400],
    );
    assert.equal(member('default-lease-time 9000; max-lease-time 600;', 'valid-lifetime'), 600);
    assert.equal(config.authoritative, false);
  });

  it('keeps every option of its own definition, and takes other names for known ones', () => {
    const text =
      'option arch code 93 = unsigned integer 16; option x code 230 = array of ip-address; option x 10.0.0.1, 10.0.0.2;';
    const { config, notes } = convert(text);
    assert.deepEqual(config['option-def'], [{ name: 'x', code: 230, type: 'ipv4-address', array: true }]);
    assert.deepEqual(config['option-data'], [{ name: 'x', data: '10.0.0.1, 10.0.0.2' }]);
    assert.deepEqual(notes, []);
  });

  it('puts the statements of groups into all that is in them', () => {
    const [subnet] = member(`group { option domain-name "g"; ${SUBNET} { } }`, 'subnet4') as [Record<string, Json>];
    assert.deepEqual(subnet['option-data'], [{ name: 'domain-name', data: 'g' }]);
  });

  it('guards pools as dhcpd does: who is allowed, without who is denied', () => {
    const classes = 'class "a" { match if exists user-class; } class "b" { match if exists host-name; }';
    const guard = (permits: string): string => {
      const { config } = convert(`${classes} ${SUBNET} { pool { range 192.0.2.5; ${permits} } }`);
      const [subnet] = config.subnet4 as { pools: { 'client-classes'?: string[] }[] }[];
      const [name] = subnet!.pools[0]!['client-classes'] ?? ['everybody'];
      const found = (config['client-classes'] as { name: string; test: string }[]).find((one) => one.name === name);
      return found === undefined || ['a', 'b'].includes(name!) ? name! : found.test;
    };
    assert.equal(guard(''), 'everybody');
    assert.equal(guard('allow members of "a";'), 'a');
    assert.equal(guard('allow known-clients;'), 'KNOWN');
    assert.equal(guard('deny unknown-clients;'), "not (member('UNKNOWN'))");
    assert.equal(guard('allow members of "a"; allow members of "b";'), "(member('a') or member('b'))");
    assert.equal(guard('allow members of "a"; deny members of "b";'), "member('a') and not (member('b'))");
    assert.equal(guard('allow all clients; deny members of "b";'), "not (member('b'))");
  });

  it('serves known clients only where dhcpd would', () => {
    const pools = (text: string): Json | undefined =>
      (member(text, 'subnet4') as { pools: { 'client-classes'?: Json }[] }[])[0]!.pools[0]!['client-classes'];
    assert.deepEqual(pools(`deny unknown-clients; ${SUBNET} { range 192.0.2.5; }`), ['KNOWN']);
    assert.deepEqual(pools(`${SUBNET} { boot-unknown-clients off; pool { range 192.0.2.5; } }`), ['KNOWN']);
    assert.equal(pools(`deny unknown-clients; ${SUBNET} { allow unknown-clients; range 192.0.2.5; }`), undefined);
  });

  it('names every statement it can not carry over, with its line', () => {
    const { notes } = convert(
      `local-port 1067;
      ddns-update-style interim;
      failover peer "fo" { primary; }
      option nonsense "x";
      ${SUBNET} { pool { failover peer "fo"; range 192.0.2.5; lease limit 4; } frobnicate; }
      host a { fixed-address 192.0.2.9; }
      host b { hardware ethernet 02:00:00:00:00:01; fixed-address 198.51.100.9, b.example; }
      host c { hardware token-ring 1:2; }
      subclass "none" 1:2;
      zone example.org. { primary 192.0.2.1; }`,
    );
    const lines = notes.map((note) => note.split(' ').slice(0, 2).join(' '));
    for (const line of ['lost dhcpd.conf:1', 'changed dhcpd.conf:2', 'changed dhcpd.conf:3', 'lost dhcpd.conf:4']) {
      assert.ok(lines.includes(line), `${line} in\n${notes.join('\n')}`);
    }
    for (const line of [5, 6, 7, 8, 9]) assert.ok(lines.includes(`lost dhcpd.conf:${line}`), `line ${line}`);
    assert.ok(lines.includes('changed dhcpd.conf:10'));
    assert.equal(lines.filter((line) => line === 'lost dhcpd.conf:5').length, 2, 'lease limit and frobnicate');
    assert.equal(lines.filter((line) => line === 'lost dhcpd.conf:7').length, 2, 'no subnet, and a name');
  });

  it('turns conditions into classes of which a client is in exactly one', () => {
    const text = `${SUBNET} { option routers 192.0.2.1; if exists user-class { filename "a"; } elsif exists host-name { filename "b"; } else { filename "c"; } }`;
    const { config } = convert(text);
    const classes = config['client-classes'] as { name: string; test: string; 'boot-file-name': string }[];
    assert.deepEqual(
      classes.map((one) => [one.test, one['boot-file-name']]),
      [
        ['((option[77].exists))', 'a'],
        ['not ((option[77].exists)) and ((option[12].exists))', 'b'],
        ['not ((option[77].exists)) and not ((option[12].exists))', 'c'],
      ],
    );
    const [subnet] = config.subnet4 as Record<string, Json>[];
    assert.deepEqual(
      subnet!['evaluate-additional-classes'],
      classes.map(({ name }) => name),
    );
    assert.deepEqual(subnet!['option-data'], [{ name: 'routers', data: '192.0.2.1' }]);
  });

  it('opens OMAPI as dhcpd did, on loopback until it is told where', () => {
    const key = 'key k { algorithm HMAC-MD5.SIG-ALG.REG.INT; secret "aGVsbG8rd29ybGQ=="; };';
    const { config, notes } = convert(`${key} omapi-port 7911; omapi-key k;`);
    assert.deepEqual((config['user-context'] as { lessor: Json }).lessor, {
      omapi: {
        listeners: [{ address: '127.0.0.1', port: 7911 }],
        keys: [{ name: 'k', algorithm: 'hmac-md5', secret: 'aGVsbG8rd29ybGQ==', legacy: true }],
        'allowed-sources': ['127.0.0.0/8'],
      },
    });
    assert.equal(notes.length, 1);
  });
});

describe('Names in the DNS', () => {
  const DNS = `ddns-update-style standard;
    ddns-domainname "example.org"; ddns-ttl 300; ignore client-updates; update-optimization off;
    key dhcp { algorithm hmac-sha256; secret c2VjcmV0; }
    key other { algorithm hmac-md5; secret c2VjcmV0; }
    zone example.org. { primary 192.0.2.53; key dhcp; }
    zone 2.0.192.in-addr.arpa { primary 192.0.2.53; secondary 192.0.2.54; key dhcp; }
    ${SUBNET} { ddns-updates off; update-conflict-detection off; pool { range 192.0.2.5; ddns-domainname "pool.example.org"; } }`;

  it('are parameters of the scopes that say so', () => {
    const { config, notes } = convert(DNS);
    assert.deepEqual(config['dhcp-ddns'], { 'enable-updates': true });
    assert.equal(config['ddns-qualifying-suffix'], 'example.org');
    assert.equal(config['ddns-ttl'], 300);
    assert.equal(config['ddns-override-client-update'], true);
    assert.equal(config['ddns-update-on-renew'], true);
    const [subnet] = config.subnet4 as { pools: Record<string, Json>[] }[] & Record<string, Json>[];
    assert.equal(subnet!['ddns-send-updates'], false);
    assert.equal(subnet!['ddns-conflict-resolution-mode'], 'no-check-with-dhcid');
    assert.equal(subnet!.pools[0]!['ddns-qualifying-suffix'], 'pool.example.org');
    assert.deepEqual(
      notes.filter((note) => note.startsWith('lost')),
      [],
    );
  });

  it('have the domain that clients are told, if none is said; and are off unless switched on', () => {
    const text = `option domain-name "example.net"; ${SUBNET} { }`;
    assert.equal(member(`ddns-update-style interim; ${text}`, 'ddns-qualifying-suffix'), 'example.net');
    for (const style of ['', 'ddns-update-style none;']) {
      assert.equal(member(`${style} ${text}`, 'ddns-qualifying-suffix'), undefined);
      assert.equal(member(`${style} ${text}`, 'dhcp-ddns'), undefined);
    }
  });

  it('are entered by kea-dhcp-ddns, in the zones and with the keys of dhcpd', () => {
    const { updateServer } = convertDhcpd(
      readTree('dhcpd.conf', () => DNS),
      ['eth0'],
    );
    assert.deepEqual(updateServer, {
      'ip-address': '127.0.0.1',
      port: 53001,
      'tsig-keys': [{ name: 'dhcp', algorithm: 'HMAC-SHA256', secret: 'c2VjcmV0' }],
      'forward-ddns': {
        'ddns-domains': [{ name: 'example.org.', 'key-name': 'dhcp', 'dns-servers': [{ 'ip-address': '192.0.2.53' }] }],
      },
      'reverse-ddns': {
        'ddns-domains': [
          {
            name: '2.0.192.in-addr.arpa.',
            'key-name': 'dhcp',
            'dns-servers': [{ 'ip-address': '192.0.2.53' }, { 'ip-address': '192.0.2.54' }],
          },
        ],
      },
    });
  });

  it('names what can not be said', () => {
    const { notes } = convert(
      `ddns-update-style ad-hoc;
      ddns-domainname concat("a", "b");
      do-forward-updates off;
      group { ddns-updates off; }
      ddns-rev-domainname "rev.example";
      ${SUBNET} { }
      zone a.example { primary ns.example; }
      zone b.example { primary 192.0.2.1; key none; }`,
    );
    for (const line of [1, 2, 3, 4, 5, 7, 8]) {
      assert.ok(
        notes.some((note) => note.startsWith(`lost dhcpd.conf:${line} `)),
        `line ${line}`,
      );
    }
  });
});

describe('What OMAPI made', () => {
  it('is in the leases file, and comes along with the statements of its group', () => {
    const leases = `
      host gone { dynamic; hardware ethernet 02:00:00:00:00:09; }
      host a { dynamic; hardware ethernet 02:00:00:00:00:01; fixed-address 192.0.2.1; }
      group grp { dynamic; supersede server.filename = "g.img"; }
      host a { dynamic; hardware ethernet 02:00:00:00:00:02; fixed-address 192.0.2.9; group "grp"; supersede server.next-server = 192.0.2.3; supersede host-name = "ann"; }
      host gone { dynamic; deleted; }`;
    const objects = runTimeObjects(readTree('dhcpd.leases', () => leases));
    const conf = readTree('dhcpd.conf', () => `${SUBNET} { }`);
    const { config, notes } = convertDhcpd([...conf, ...objects], ['eth0']);
    const [subnet] = config.subnet4 as { reservations: Readonly<Record<string, Json>>[] }[];
    assert.deepEqual(subnet!.reservations, [
      {
        'hw-address': '02:00:00:00:00:02',
        hostname: 'ann',
        'next-server': '192.0.2.3',
        'boot-file-name': 'g.img',
        'user-context': { lessor: { omapi: { name: 'a' } } },
        'ip-address': '192.0.2.9',
      },
    ]);
    assert.equal(config.reservations, undefined, 'nobody else');
    assert.deepEqual(notes, []);
  });
});

describe('Leases of dhcpd', () => {
  const NOW = Date.UTC(2026, 10, 29, 12) / 1000;
  const read = (text: string) =>
    convertLeases(
      readTree('dhcpd.leases', () => text),
      (a) => (a >>> 8 === 0xc00002 ? 7 : undefined),
      NOW,
    );
  const active =
    'starts 0 2026/11/29 11:00:00; ends 0 2026/11/29 13:00:00; cltt 0 2026/11/29 11:00:00; binding state active;';

  it('in force come along with all that identifies the client', () => {
    const text = `lease 192.0.2.9 { ${active} next binding state free; hardware ethernet 02:00:00:0a:00:01; uid "\\001\\002\\"x"; client-hostname "Ann"; set x = "y"; }`;
    const [lease] = read(text).leases;
    assert.equal(lease!.clientId, '\x01\x02"x');
    assert.equal(lease!.hwAddress, '\x02\x00\x00\x0a\x00\x01');
    assert.equal(lease!.hostname, 'ann');
    assert.deepEqual(
      [lease!.clttSec, lease!.validLifetimeSec, lease!.subnetId, lease!.state],
      [NOW - 3600, 7200, 7, 0],
    );
  });

  it('the last row of an address counts; what is over or free is no lease', () => {
    const over = 'starts 0 2026/11/29 10:00:00; ends 0 2026/11/29 11:59:59; binding state active;';
    const free = `${active.replace('active', 'free')}`;
    const text = `lease 192.0.2.9 { ${active} } lease 192.0.2.9 { ${free} } lease 192.0.2.10 { ${over} } lease 192.0.2.11 { ${free} } lease 192.0.2.11 { ${active} }`;
    assert.deepEqual(
      read(text).leases.map(({ address }) => address & 255),
      [11],
    );
  });

  it('abandoned addresses stay aside, endless leases stay endless, other times are read too', () => {
    const text = `lease 192.0.2.1 { ${active.replace('active', 'abandoned')} }
      lease 192.0.2.2 { starts epoch ${NOW - 60}; ends never; binding state active; hardware ethernet 02:00:00:00:00:01; }`;
    const [declined, endless] = read(text).leases;
    assert.deepEqual([declined!.state, declined!.hwAddress, declined!.clttSec], [1, '', NOW]);
    assert.deepEqual([endless!.validLifetimeSec, endless!.clttSec], [0xffff_ffff, NOW - 60]);
  });

  it('without a subnet are told of', () => {
    assert.deepEqual(read(`lease 198.51.100.1 { ${active} }`).homeless, ['198.51.100.1']);
  });
});

describe('What dhcpd allows and Kea has otherwise', () => {
  const host = (n: number) => `host h${n} { hardware ethernet 02:00:00:00:00:0${n}; fixed-address 192.0.2.9; }\n`;

  it('is told of an address that two hosts have, and can be served', () => {
    const { config, notes } = convert(`${SUBNET} { }\n${host(1)}${host(2)}`);
    assert.equal(config['ip-reservations-unique'], false);
    assert.deepEqual(notes, [
      `changed dhcpd.conf:3 192.0.2.9 is another host's, too: it goes to whoever asks first ("ip-reservations-unique" is false)`,
    ]);
    assert.equal(member(`${SUBNET} { }\n${host(1)}`, 'ip-reservations-unique'), undefined);
  });

  it('is the interface of a subnet', () => {
    const [subnet] = member(`${SUBNET} { interface "eth2"; range 192.0.2.5; }`, 'subnet4') as [Record<string, Json>];
    assert.equal(subnet.interface, 'eth2');
    assert.deepEqual(subnet.pools, [{ pool: '192.0.2.5 - 192.0.2.5' }]);
  });

  it('is refused by line where there is no such thing: enterprise numbers as codes, ranges of nothing, variables', () => {
    const { config, notes } = convert(
      `option maker.onie code 42623 = encapsulate onie;\n${SUBNET} {\nrange low high; }\nset x = option host-name;`,
    );
    assert.deepEqual(notes, [
      'lost dhcpd.conf:1 options of an enterprise are those of the space "vendor-42623" (option 125, RFC 3925)',
      'lost dhcpd.conf:3 a range has one or two addresses',
      'lost dhcpd.conf:4 there are no variables: a class tests the option itself',
    ]);
    assert.equal(config['option-def'], undefined);
  });
});

describe('Options of dhcpd.conf', () => {
  const inSubnet = (definitions: string, options: string): readonly Json[] => {
    const [subnet] = member(`${definitions} ${SUBNET} { ${options} }`, 'subnet4') as [Record<string, Json>];
    return (subnet['option-data'] ?? []) as readonly Json[];
  };

  it('that are standard and declared with another type are read by that one, and sent as the same octets', () => {
    assert.deepEqual(
      inSubnet('option routes code 121 = array of integer 8;', 'option routes 24, 192, 168, 1, 10, 0, 0, 1;'),
      [{ code: 121, 'csv-format': false, data: '18C0A8010A000001' }],
    );
    assert.deepEqual(inSubnet('option lookup code 119 = string;', 'option lookup "\\003lan\\000";'), [
      { name: 'domain-search', 'csv-format': false, data: '036C616E00' },
    ]);
  });

  it('are records of fields, lists of names, and octets of either sign', () => {
    const definitions = [
      'option phones code 150 = { ip-address };',
      'option menu code 230 = { unsigned integer 16, integer 8, text };',
      'option pairs code 231 = array of { ip-address, ip-address };',
      'option names code 232 = domain-list;',
      'option offset code 233 = signed integer 16;',
      'option octets code 234 = array of integer 8;',
    ].join('\n');
    assert.deepEqual(
      inSubnet(
        definitions,
        `option phones 192.0.2.7; option menu 7 255 "boot, or not"; option pairs 192.0.2.8 192.0.2.9;
         option names "a.example", "b.example"; option offset 65535; option octets -1, 255;`,
      ),
      [
        { name: 'phones', data: '192.0.2.7' },
        { name: 'menu', data: '7, 255, boot\\, or not' },
        { name: 'pairs', data: '192.0.2.8, 192.0.2.9' },
        { name: 'names', data: 'a.example, b.example' },
        { name: 'offset', data: '-1' },
        { name: 'octets', data: '255, 255' },
      ],
    );
    assert.deepEqual((member(`${definitions} ${SUBNET} { }`, 'option-def') as readonly Json[])[1], {
      name: 'menu',
      code: 230,
      type: 'record',
      'record-types': 'uint16, uint8, string',
    });
  });

  it('without a Kea type are named by line; of two names for one code the last is the one', () => {
    const { config, notes } = convert(
      'option a code 230 = array of { ip-address, text };\noption b code 231 = text;\noption c code 231 = ip-address;',
    );
    assert.deepEqual(notes, ['lost dhcpd.conf:1 this type of option is not known']);
    assert.deepEqual(config['option-def'], [{ name: 'c', code: 231, type: 'ipv4-address' }]);
  });

  it('of an enterprise are in its block of option 125', () => {
    const { config, notes } = convert(`option space onie code width 1 length width 1;
option onie.installer code 1 = text;
option vivso.onie code 42623 = encapsulate onie;
option op125 code 125 = encapsulate vivso;
option onie.installer "http://192.0.2.1/installer";`);
    assert.deepEqual(notes, []);
    assert.deepEqual(config['option-def'], [{ name: 'installer', code: 1, space: 'vendor-42623', type: 'string' }]);
    assert.deepEqual(config['option-data'], [
      { name: 'vivso-suboptions', data: '42623' },
      { name: 'installer', space: 'vendor-42623', data: 'http://192.0.2.1/installer' },
    ]);
    const whole = 'option vivso.onie code 42623 = encapsulate onie; option onie.a code 1 = text; option onie.a "b";';
    assert.equal((member(`${whole} option option-125 = 00:00:a6:7f:00;`, 'option-data') as readonly Json[]).length, 2);
  });

  it('of a site, and those that clients get unasked, as PXELINUX wants it', () => {
    const { config, notes } = convert(`option space pxelinux;
option pxelinux.configfile code 209 = text;
option pxelinux.reboottime code 211 = unsigned integer 32;
site-option-space "pxelinux";
if exists dhcp-parameter-request-list {
  # always
  option dhcp-parameter-request-list = concat(option dhcp-parameter-request-list, d1:d2, d0);
}
option pxelinux.configfile "default.cfg";
option pxelinux.reboottime 30;`);
    assert.deepEqual(notes, ['changed dhcpd.conf:5 clients that do not ask are sent these options too']);
    assert.deepEqual(config['option-data'], [
      { name: 'configfile', data: 'default.cfg', 'always-send': true },
      { name: 'reboottime', data: '30' },
    ]);
  });

  it('have a value, or are named', () => {
    assert.deepEqual(convert('option domain-name "";').notes, ['lost dhcpd.conf:1 an option of this type has a value']);
  });
});

describe('Conditions of dhcpd.conf', () => {
  const test = (condition: string): Json | undefined => {
    const [first] = member(`class "c" { match if ${condition}; }`, 'client-classes') as [Record<string, Json>];
    return first?.test;
  };

  it('compare octets written as text or taken for a number', () => {
    assert.equal(
      test('binary-to-ascii(16, 8, ":", substring(hardware, 1, 3)) = "0:4:f2"'),
      'substring(concat(0x01, pkt4.mac), 1, 3) == 0x0004f2',
    );
    assert.equal(
      test('not binary-to-ascii(10, 8, ".", option dhcp-requested-address) != "192.0.2.1"'),
      'not (not (option[50].hex == 0xc0000201))',
    );
    assert.equal(test('extract-int(option pxe-system-type, 16) = 7'), 'substring(option[93].hex, 0, 2) == 0x0007');
  });

  it('are about clients that are known, and the first option that there is', () => {
    assert.equal(test('known and not exists user-class'), "member('KNOWN') and not (option[77].exists)");
    assert.equal(
      test('pick-first-value(option dhcp-client-identifier, hardware) = 01:02'),
      'ifelse(option[61].exists, option[61].hex, concat(0x01, pkt4.mac)) == 0x0102',
    );
  });

  it('that can not be compared are named: leading zeros, which dhcpd never writes, and text without marks', () => {
    for (const condition of [
      'binary-to-ascii(16, 8, ":", hardware) = "00:04"',
      'binary-to-ascii(16, 8, "", hardware) = "04"',
      'extract-int(hardware, 12) = 4',
      'extract-int(hardware, 8) = 256',
    ]) {
      const { notes, config } = convert(`class "c" { match if ${condition}; }`);
      assert.equal(notes.length, 1, condition);
      assert.equal(config['client-classes'], undefined);
    }
  });

  it('are carried over without what is logged or set in them', () => {
    const { config, notes } = convert(
      'if exists user-class {\nlog(info, concat("a; b", "c"));\nset x = "y"; filename "ipxe"; }',
    );
    assert.deepEqual(notes, [
      'changed dhcpd.conf:1 packets are not written to the log; `lessor leases --follow` tells of changes',
      'lost dhcpd.conf:1 there are no variables: a class tests the option itself',
    ]);
    assert.deepEqual((config['client-classes'] as readonly Record<string, Json>[])[0]!['boot-file-name'], 'ipxe');
  });
});

describe('What many files have', () => {
  const host = (name: string, more: string): string => `host ${name} { hardware ethernet 2:0:0:0:0:1; ${more} }\n`;

  it('ranges from the higher address down, with zeros before numbers', () => {
    const [subnet] = member(`${SUBNET} { range 192.0.2.020 192.000.002.010; }`, 'subnet4') as [Record<string, Json>];
    assert.deepEqual(subnet.pools, [{ pool: '192.0.2.10 - 192.0.2.20' }]);
  });

  it('several hosts of one client: the first of each subnet counts, as in dhcpd', () => {
    const { config, notes } = convert(
      `${SUBNET} { }\n${host('a', 'fixed-address 192.0.2.5;')}${host('b', 'fixed-address 192.0.2.6, 192.0.2.7;')}${host('c', '')}`,
    );
    assert.deepEqual(notes, ['lost dhcpd.conf:3 its client has a reservation there already: the first counts']);
    const [subnet] = config.subnet4 as [Record<string, Json>];
    assert.deepEqual(
      (subnet.reservations as readonly Record<string, Json>[]).map((one) => [one['hw-address'], one['ip-address']]),
      [['02:00:00:00:00:01', '192.0.2.5']],
    );
    // Kea takes no reservation that gives nothing.
    assert.deepEqual((config.reservations as readonly Record<string, Json>[])[0]!['client-classes'], ['KNOWN']);
  });

  it('clients that are known by their hardware address alone', () => {
    const text = `ignore-client-uids on; ${SUBNET} { ignore-client-uids off; }`;
    assert.equal(member(text, 'match-client-id'), false);
    assert.equal((member(text, 'subnet4') as readonly Record<string, Json>[])[0]!['match-client-id'], true);
  });

  it('statements that say what holds anyway need no remark, wherever they are', () => {
    const text = `deny bootp; ${SUBNET} { pool { deny dynamic bootp clients; range 192.0.2.5; } }`;
    assert.deepEqual(convert(text).notes, []);
  });

  it('pings before offers, which dhcpd does unless it is told not to', () => {
    const hook = (parameters: Json): Json => [{ library: 'libdhcp_ping_check.so', parameters }];
    const pings = (on: boolean, ms: number, cltt: number): Json => ({
      'enable-ping-check': on,
      'reply-timeout': ms,
      'ping-cltt-secs': cltt,
    });
    const cases: [text: string, whole: Json | undefined, subnet: Json | undefined][] = [
      [`${SUBNET} { }`, pings(true, 1000, 60), undefined],
      [`ping-check off; ${SUBNET} { }`, undefined, undefined],
      [`ping-check off; ping-timeout 9; ${SUBNET} { ping-timeout 3; }`, undefined, undefined],
      [`ping-timeout 2; ping-cltt-secs 300; ${SUBNET} { }`, pings(true, 2000, 300), undefined],
      [`ping-timeout 2; ping-timeout-ms 250; ${SUBNET} { ping-timeout 5; }`, pings(true, 250, 60), undefined],
      [`ping-timeout 0; ${SUBNET} { }`, pings(true, 1, 60), undefined],
      [`ping-check off; ${SUBNET} { ping-check on; }`, pings(false, 1000, 60), pings(true, 1000, 60)],
      [`group { ping-timeout-ms 100; ${SUBNET} { ping-cltt-secs 0; } }`, pings(true, 1000, 60), pings(true, 100, 0)],
    ];
    for (const [text, whole, subnet] of cases) {
      const { config, notes } = convert(text);
      assert.deepEqual(config['hooks-libraries'], whole && hook(whole), text);
      const [made] = config.subnet4 as readonly Record<string, Json>[];
      assert.deepEqual(made!['user-context'], subnet && { 'ping-check': subnet }, text);
      assert.deepEqual(notes, [], text);
    }
    const inNetwork = `shared-network a { ping-check off; ${SUBNET} { } subnet 198.51.100.0 netmask 255.255.255.0 { } }`;
    const [network] = convert(inNetwork).config['shared-networks'] as { subnet4: Record<string, Json>[] }[];
    for (const each of network!.subnet4) {
      assert.deepEqual(each['user-context'], { 'ping-check': pings(false, 1000, 60) });
    }
    const { notes } = convert(`if exists user-class { ping-check off; filename "a"; } ${SUBNET} { }`);
    assert.deepEqual(notes, ["lost dhcpd.conf:1 'ping-check' is not understood"]);
  });

  it('pools that are for nobody', () => {
    const [guard] = member(`${SUBNET} { pool { deny all clients; range 192.0.2.5; } }`, 'client-classes') as [
      Record<string, Json>,
    ];
    assert.equal(guard.test, "not (member('ALL'))");
  });

  it('subnets that are none, or are there twice, are named', () => {
    const { notes } = convert(`subnet 192.0.2.1 netmask 255.255.255.0 { }\n${SUBNET} { }\n${SUBNET} { }`);
    assert.deepEqual(notes, ['lost dhcpd.conf:1 this is no subnet', 'lost dhcpd.conf:3 there is this subnet already']);
  });

  it('what is out of place says so in the words of its kind', () => {
    const { notes } = convert(
      `${SUBNET} { pool { range 192.0.2.5;\non commit { }\nping-check on;\nauthoritative;\nfoo bar; } }`,
    );
    assert.deepEqual(notes, [
      'lost dhcpd.conf:2 nothing is executed; `lessor leases --follow` tells of changes',
      'lost dhcpd.conf:3 only the whole file, networks and subnets say it',
      'lost dhcpd.conf:4 not understood in a pool',
      'lost dhcpd.conf:5 not understood in a pool',
    ]);
  });
});
