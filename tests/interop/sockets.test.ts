/** The DHCP sockets on a real network: namespaces joined by virtual cables, frames made and seen by scapy. */

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { InterfacesConfig } from 'lessor/internal/domain/snapshot.js';
import { parseIpv4 } from 'lessor/internal/domain/values.js';
import { connect, Netns } from '../lib/netns.js';
import { skipUnless } from '../lib/peers.js';
import { PATIENCE_MS } from '../lib/until.js';

const AGENT = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? 'sockets-agent.ts' : 'sockets-agent.js', import.meta.url),
);
const CLIENT_MAC = '02:00:00:00:00:09';

interface Told {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** The agent, and what it has told so far. */
class Agent {
  readonly told: Told[] = [];
  readonly #child: ChildProcess;
  readonly #waiting = new Set<() => void>();

  constructor(namespace: Netns, config: InterfacesConfig, port: number, user: readonly string[] = []) {
    const command = [...user, process.execPath, ...process.execArgv.filter((word) => word !== '--test')];
    this.#child = namespace.spawn([...command, AGENT, JSON.stringify(config), String(port)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      this.told.push(JSON.parse(line) as Told);
      for (const wake of this.#waiting) wake();
    });
  }

  /** The first event not seen before that fits; fails when it does not come. */
  async next(event: string, fits: (told: Told) => boolean = () => true): Promise<Told> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const index = this.told.findIndex((told) => told.event === event && fits(told));
      if (index >= 0) return this.told.splice(index, 1)[0]!;
      if (Date.now() > deadline) assert.fail(`no ${event}; told: ${JSON.stringify(this.told)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, 250);
        const waiting = this.#waiting;
        function done(): void {
          clearTimeout(timer);
          waiting.delete(done);
          resolve();
        }
        waiting.add(done);
      });
    }
  }

  /** The listening line of an interface. */
  async listening(pattern: RegExp): Promise<void> {
    await this.next('log', (told) => told.id === 'DHCP4_SOCKET_OPENED' && pattern.test(String(told.text)));
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    if (this.#child.exitCode !== null) return;
    this.#child.stdin!.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 2000);
    await ended;
    clearTimeout(timer);
  }
}

function config(selectors: string[], more: Partial<InterfacesConfig> = {}): InterfacesConfig {
  return {
    selectors: selectors.map((text) => {
      const [name, address] = text.split('/');
      return { name: name!, ...(address === undefined ? {} : { address: parseIpv4(address)! }) };
    }),
    socketType: 'raw',
    outboundInterface: 'same-as-inbound',
    reDetect: true,
    requireAll: false,
    maxRetries: 0,
    retryWaitMs: 0,
    ...more,
  };
}

/**
 * Sends a UDP datagram in a frame with scapy and resolves with what comes back to `replyPort`: if the text asks for a
 * reply, once there is one, and until half a second later.
 */
async function exchange(
  namespace: Netns,
  frame: { to?: string; source: string; destination: string; sourcePort: number; text: string },
  replyPort = 68,
): Promise<{ ethernet: string; ip: string; ports: string; text: string; intact: boolean }[]> {
  const script = `
import json, sys, time
from scapy.all import Ether, IP, UDP, AsyncSniffer, sendp, Raw
f = json.loads(sys.argv[1])
started, seen = [], []
s = AsyncSniffer(iface='c0', lfilter=lambda p: UDP in p and p[UDP].dport == f['replyPort'] and p[Ether].src != f['mac'],
                 started_callback=lambda: started.append(1), prn=seen.append)
s.start()
while not started: time.sleep(0.01)
sendp(Ether(dst=f['to'], src=f['mac'])/IP(src=f['source'], dst=f['destination'])/
      UDP(sport=f['sourcePort'], dport=67)/Raw(f['text'].encode()), iface='c0', verbose=0)
deadline = time.monotonic() + 30
while f['text'].startswith('to ') and not seen and time.monotonic() < deadline: time.sleep(0.01)
time.sleep(0.5)
def whole(p):
    q = Ether(bytes(p))
    del q[IP].chksum; del q[UDP].chksum
    return bytes(Ether(bytes(q)))[:len(bytes(p))] == bytes(p)
print(json.dumps([{'ethernet': p[Ether].src + '>' + p[Ether].dst, 'ip': p[IP].src + '>' + p[IP].dst,
  'ports': '%d>%d' % (p[UDP].sport, p[UDP].dport), 'text': bytes(p[UDP].payload).decode('latin1'),
  'intact': whole(p)} for p in s.stop()]))`;
  const words = JSON.stringify({ to: 'ff:ff:ff:ff:ff:ff', mac: CLIENT_MAC, replyPort, ...frame });
  const { status, stdout } = await namespace.run(['/usr/bin/python3', '-c', script, words]);
  assert.equal(status, 0, stdout);
  return JSON.parse(stdout) as Awaited<ReturnType<typeof exchange>>;
}

describe('DHCP sockets in network namespaces', { skip: skipUnless('ip', 'scapy') }, () => {
  let server: Netns;
  let client: Netns;
  let agent: Agent;
  let serverMac: string;
  const ask = { source: '0.0.0.0', destination: '255.255.255.255', sourcePort: 68 };

  before(async () => {
    server = Netns.create();
    client = Netns.create();
    connect(server, 's0', client, 'c0');
    connect(server, 's1', client, 'c1');
    server.ip('addr add 10.77.0.1/24 dev s0');
    client.ip(`link set c0 address ${CLIENT_MAC}\naddr add 10.77.0.2/24 dev c0`);
    serverMac = /link\/ether (\S+)/.exec((await server.run(['ip', 'link', 'show', 's0'])).stdout)![1]!;
    agent = new Agent(server, config(['*']), 67);
    await agent.listening(/listening on s0, all packets, answering from 10\.77\.0\.1, port 67$/);
  });
  after(async () => {
    await agent?.stop();
    server?.destroy();
    client?.destroy();
  });

  test('a broadcast from 0.0.0.0 arrives, and a client without an address gets a frame with good checksums', async () => {
    const text = `to 10.77.0.99 68 ${CLIENT_MAC.replaceAll(':', '')}`;
    const replies = await exchange(client, { ...ask, text });
    assert.deepEqual(await agent.next('datagram'), {
      event: 'datagram',
      text,
      interface: 's0',
      address: '10.77.0.1',
      from: '0.0.0.0:68',
      to: '255.255.255.255',
    });
    assert.deepEqual(replies, [
      {
        ethernet: `${serverMac}>${CLIENT_MAC}`,
        ip: '10.77.0.1>10.77.0.99',
        ports: '67>68',
        text: 'reply'.padEnd(301, '.'),
        intact: true,
      },
    ]);
  });

  test('a broadcast reply leaves by UDP, without any route', async () => {
    const replies = await exchange(client, { ...ask, text: 'to 255.255.255.255 68' });
    await agent.next('datagram');
    assert.deepEqual(
      replies.map(({ ethernet, ip, ports }) => [ethernet, ip, ports]),
      [[`${serverMac}>ff:ff:ff:ff:ff:ff`, '10.77.0.1>255.255.255.255', '67>68']],
    );
  });

  test('a renewing client unicasts and is answered by unicast', async () => {
    const renewal = { to: serverMac, source: '10.77.0.2', destination: '10.77.0.1', sourcePort: 68 };
    const replies = await exchange(client, { ...renewal, text: 'to 10.77.0.2 68' });
    const { from, to } = await agent.next('datagram');
    assert.deepEqual([from, to], ['10.77.0.2:68', '10.77.0.1']);
    assert.deepEqual(
      replies.map(({ ip, ports }) => [ip, ports]),
      [['10.77.0.1>10.77.0.2', '67>68']],
    );
  });

  test('a relayed message arrives and the relay is answered on its port', async () => {
    const relayed = { to: serverMac, source: '10.77.0.2', destination: '10.77.0.1', sourcePort: 67 };
    const replies = await exchange(client, { ...relayed, text: 'to 10.77.0.2 67' }, 67);
    assert.equal((await agent.next('datagram')).from, '10.77.0.2:67');
    assert.equal(replies[0]?.ports, '67>67');
  });

  test('an address added later to the interface is served, and answers carry it', async () => {
    server.ip('addr add 10.78.0.1/24 dev s0');
    client.ip('addr add 10.78.0.2/24 dev c0');
    const renewal = { to: serverMac, source: '10.78.0.2', destination: '10.78.0.1', sourcePort: 68 };
    const deadline = Date.now() + PATIENCE_MS;
    let told: Told;
    do {
      await exchange(client, { ...renewal, text: 'probe' });
      told = await agent.next('datagram');
    } while (told.address !== '10.78.0.1' && Date.now() < deadline);
    assert.equal(told.address, '10.78.0.1');
    // The destination is in the first subnet: only the forced source address can be that of the second.
    const replies = await exchange(client, { ...renewal, text: 'to 10.77.0.2 68' });
    await agent.next('datagram');
    assert.equal(replies[0]?.ip, '10.78.0.1>10.77.0.2');
  });

  test('an interface that gets its first address later is detected, one that goes is dropped', async () => {
    server.ip('addr add 10.79.0.1/24 dev s1');
    await agent.listening(/listening on s1, all packets, answering from 10\.79\.0\.1/);
    server.ip('link del s1');
    await agent.next('log', (told) => told.id === 'DHCP4_SOCKET_CLOSED' && /s1/.test(String(told.text)));
  });

  test('a second server on the port is refused with a reason', async () => {
    const second = new Agent(server, config(['s0'], { requireAll: true }), 67);
    const { text } = await second.next('refused');
    assert.match(String(text), /interface s0, port 67: bind: address already in use.*another DHCP server/);
    await second.stop();
  });

  test('use-routing sends by the routing table and still receives everything once', async () => {
    const routed = new Agent(server, config(['s0'], { outboundInterface: 'use-routing' }), 1067);
    await routed.listening(/listening on s0/);
    const script = `import socket
s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind(('10.77.0.2',1068)); s.settimeout(30)
s.sendto(b'to 10.77.0.2 1068',('10.77.0.1',1067)); print(s.recvfrom(999)[1])`;
    const { stdout } = await client.run(['/usr/bin/python3', '-c', script]);
    assert.equal(stdout.trim(), "('10.77.0.1', 1067)");
    await routed.next('datagram');
    assert.equal(routed.told.filter(({ event }) => event === 'datagram').length, 0);
    await routed.stop();
  });

  test('udp sockets are bound to the address and answer a client without one by broadcast', async () => {
    const udp = new Agent(server, config(['s0/10.77.0.1'], { socketType: 'udp' }), 2067);
    await udp.listening(/listening on s0, address 10\.77\.0\.1, port 2067$/);
    const script = `import socket
s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind(('10.77.0.2',2068))
b=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); b.bind(('',2069)); b.settimeout(30)
s.sendto(b'to 10.77.0.99 2069 020000000009',('10.77.0.1',2067)); print(b.recvfrom(999)[1])`;
    const { stdout } = await client.run(['/usr/bin/python3', '-c', script]);
    assert.equal(stdout.trim(), "('10.77.0.1', 2067)");
    await udp.stop();
  });

  test('an ordinary user serves loopback on a high port, and is told what port 67 needs', async () => {
    // Root without any capability: as powerless as anybody, but it can read the checkout wherever that is.
    const nobody = ['setpriv', '--bounding-set=-all', '--inh-caps=-all'];
    const script = `import socket
s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind(('127.0.0.1',6768)); s.settimeout(30)
s.sendto(b'to 127.0.0.1 6768',('127.0.0.1',6767)); print(s.recvfrom(999)[1])`;
    const unprivileged = new Agent(server, config(['lo']), 6767, nobody);
    await unprivileged.listening(/listening on lo, address 127\.0\.0\.1, port 6767$/);
    assert.equal((await server.run(['/usr/bin/python3', '-c', script])).stdout.trim(), "('127.0.0.1', 6767)");
    await unprivileged.stop();

    const refused = new Agent(server, config(['s0'], { requireAll: true }), 66, nobody);
    assert.match(String((await refused.next('refused')).text), /permission denied.*CAP_NET_BIND_SERVICE/);
    await refused.stop();
  });
});
