/** lessor's OMAPI server with the clients that are in use: ISC's omshell and Debian's python3-pypureomapi. */

import assert from 'node:assert/strict';
import { execFile, spawn, spawnSync } from 'node:child_process';
import { accessSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { ALGORITHMS } from '@lessor/omapi';
import { OmapiServerLab, SUBNET, type TestKey } from '../unit/omapi-server-lab.js';

const OMSHELL = '/usr/bin/omshell';
const PYTHON = '/usr/bin/python3';

function missing(): { readonly omshell: string | false; readonly pypureomapi: string | false } {
  const exists = (path: string): boolean => {
    try {
      accessSync(path);
      return true;
    } catch {
      return false;
    }
  };
  const python = spawnSync(PYTHON, ['-c', 'import pypureomapi']).status === 0;
  return {
    omshell: exists(OMSHELL) ? false : 'peer missing: omshell (apt install isc-dhcp-server)',
    pypureomapi: python ? false : 'peer missing: pypureomapi (apt install python3-pypureomapi)',
  };
}

const KEYS: readonly TestKey[] = ALGORITHMS.map(({ name }) => ({
  name: `key-${name}`,
  algorithm: name,
  secret: Buffer.from(`secret of ${name} `.repeat(3)).toString('base64'),
}));

const FAR_AWAY = 2_114_380_800;
const LEASES = [
  {
    address: '10.77.0.100',
    hwAddress: '02:00:00:00:01:00',
    hostname: 'alpha-pc',
    startsSec: 1_790_000_000,
    endsSec: FAR_AWAY,
  },
  { address: '10.77.0.101', hwAddress: '02:00:00:00:01:01', startsSec: 1_790_000_000, endsSec: FAR_AWAY },
];

/** Runs omshell with these lines; what it printed. */
function omshell(lines: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(OMSHELL, { stdio: ['pipe', 'pipe', 'pipe'] });
    let text = '';
    child.stdout.on('data', (chunk) => (text += chunk));
    child.stderr.on('data', (chunk) => (text += chunk));
    child.once('error', reject);
    child.once('close', () => resolve(text));
    child.stdin.end(`${lines.join('\n')}\n`);
  });
}

const skip = missing();

describe('lessor as OMAPI server', () => {
  let lab: OmapiServerLab;
  before(async () => {
    lab = await OmapiServerLab.start({
      keys: KEYS.map((key) => ({ ...key, legacy: true, rights: ['read', 'hosts', 'leases', 'shutdown'] })),
      leases: LEASES,
      dhcp4: { subnet4: [SUBNET] },
    });
  });
  after(() => lab.server.stop());

  const login = ({ name, algorithm, secret }: TestKey) => [
    `port ${lab.port}`,
    `key-algorithm ${algorithm}`,
    `key ${name} ${secret}`,
    'connect',
  ];

  describe('omshell', { skip: skip.omshell }, () => {
    for (const key of KEYS) {
      it(`opens a lease with ${key.algorithm}`, async () => {
        const text = await omshell([...login(key), 'new lease', 'set ip-address = 10.77.0.100', 'open']);
        assert.match(text, /client-hostname = "alpha-pc"/);
        assert.match(text, /hardware-address = 02:00:00:00:01:00/);
      });
    }

    it('makes, changes and removes a host', async () => {
      const create = [
        ...login(KEYS[3]!),
        'new host',
        'set name = "web1"',
        'set hardware-address = 02:00:00:00:00:21',
        'set hardware-type = 1',
        'set ip-address = 10.77.0.21',
        'set statements = "filename \\"pxelinux.0\\"; next-server 10.77.0.9;"',
        'create',
      ];
      assert.match(await omshell(create), /ip-address = 0a:4d:00:15/);
      assert.match(await omshell(create), /already exists/);
      const found = await omshell([
        ...login(KEYS[3]!),
        'new host',
        'set name = "web1"',
        'open',
        'set ip-address = 10.77.0.22',
        'update',
        'refresh',
      ]);
      assert.match(found, /ip-address = 0a:4d:00:16/);
      await omshell([...login(KEYS[3]!), 'new host', 'set name = "web1"', 'open', 'remove']);
      const gone = await omshell([...login(KEYS[3]!), 'new host', 'set name = "web1"', 'open']);
      assert.match(gone, /can't open object: not found/);
    });

    it('frees a lease', async () => {
      const text = await omshell([
        ...login(KEYS[3]!),
        'new lease',
        'set ip-address = 10.77.0.101',
        'open',
        'set state = 1',
        'update',
        'refresh',
      ]);
      assert.match(text, /state = 00:00:00:01/);
    });

    it('is told that a secret is wrong', async () => {
      const text = await omshell([...login({ ...KEYS[3]!, secret: 'd3Jvbmc=' }), 'new host', 'set name = "x"', 'open']);
      assert.match(text, /can't open object: (connection reset by peer|invalid TSIG key)/);
    });
  });

  it('serves every function of pypureomapi', { skip: skip.pypureomapi }, async () => {
    const { name, secret } = KEYS[0]!;
    const program = `
import pypureomapi as p
called = set()
class Watched(p.Omapi):
    def __getattribute__(self, name):
        called.add(name)
        return object.__getattribute__(self, name)
o = Watched("127.0.0.1", ${lab.port}, b"${name}", b"${secret}")
o.check_connected()
assert o.lookup_by_lease(ip="10.77.0.100", raw=True)[b"state"] == bytes([0, 0, 0, 2])
assert o.lookup_mac("10.77.0.100") == "02:00:00:00:01:00"
assert o.lookup_ip("02:00:00:00:01:00") == "10.77.0.100"
assert o.lookup_hostname("10.77.0.100") == b"alpha-pc" or o.lookup_hostname("10.77.0.100") == "alpha-pc"
assert o.lookup_by_lease(ip="10.77.0.100")["state"] == 2
o.add_host("10.77.0.31", "02:00:00:00:00:31")
assert o.lookup_ip_host("02:00:00:00:00:31") == "10.77.0.31"
o.add_host_without_ip("02:00:00:00:00:32")
o.add_host_supersede_name("10.77.0.33", "02:00:00:00:00:33", "web33")
assert o.lookup_host_host("02:00:00:00:00:33")["name"] in (b"web33", "web33")
o.add_host_supersede("10.77.0.34", "02:00:00:00:00:34", b"web34", "web34", "10.77.0.1", "example.org")
assert o.lookup_by_host(name="web34")["ip-address"] == "10.77.0.34"
assert o.lookup_host("web34")["mac"] == "02:00:00:00:00:34"
for n in range(31, 35):
    o.del_host("02:00:00:00:00:%02d" % n)
try:
    o.lookup_ip_host("02:00:00:00:00:31")
    raise SystemExit("still there")
except p.OmapiErrorNotFound:
    pass
m = p.OmapiMessage.open(b"group")
m.message += [(b"create", b"\\0\\0\\0\\1"), (b"exclusive", b"\\0\\0\\0\\1")]
m.obj += [(b"name", b"lab"), (b"statements", b'option domain-name "lab.example";')]
assert o.query_server(m).opcode == p.OMAPI_OP_UPDATE
m = p.OmapiMessage.open(b"host")
m.message += [(b"create", b"\\0\\0\\0\\1"), (b"exclusive", b"\\0\\0\\0\\1")]
m.obj += [(b"hardware-address", p.pack_mac("02:00:00:00:00:35")), (b"hardware-type", b"\\0\\0\\0\\1"), (b"ip-address", p.pack_ip("10.77.0.35")), (b"group", b"lab")]
assert o.query_server(m).opcode == p.OMAPI_OP_UPDATE
assert dict(o.query_server(p.OmapiMessage.open(b"control")).obj)[b"state"] == b"\\0\\0\\0\\1"
m = p.OmapiMessage.open(b"control")
o.send_message(m)
assert o.receive_response(m).opcode == p.OMAPI_OP_UPDATE
o.send_message(p.OmapiMessage.open(b"control"))
assert o.receive_message().opcode == p.OMAPI_OP_UPDATE
# Debian's version takes names for text within and so fails before it sends anything (add_group), or does not know
# that an update is answered by a status (change_group).
for call in (lambda: o.add_group("g2", 'option domain-name "x.example";'),
             lambda: o.add_host_with_group("10.77.0.36", "02:00:00:00:00:36", "lab"),
             lambda: o.change_group("web35", "lab")):
    try:
        call()
    except (TypeError, AttributeError, p.OmapiError):
        pass
try:
    o.lookup_hostname("10.77.0.105")
    raise SystemExit("a name from nowhere")
except p.OmapiErrorAttributeNotFound:
    pass
o.close()
public = set(n for n in dir(p.Omapi) if not n.startswith("_") and callable(getattr(p.Omapi, n)))
missing = public - called - {"initialize_authenticator", "recv_protocol_initialization"}
assert not missing, missing
w = p.Omapi("127.0.0.1", ${lab.port}, b"${name}", b"bm9ub25vbm9ub25vbm9ubw==")
try:
    w.lookup_mac("10.77.0.100")
    raise SystemExit("a wrong secret was believed")
except p.OmapiError:
    pass
print("done")
`;
    const { stdout } = await promisify(execFile)(PYTHON, ['-W', 'ignore', '-c', program]);
    assert.match(stdout, /done/);
  });
});
