/**
 * A program for tests/interop/sockets.test.ts, run inside a network namespace: opens the DHCP port on the interfaces
 * given, tells every datagram as a line of JSON, and answers as the datagram's own first words ask.
 *
 *   sockets-agent 'INTERFACES-CONFIG AS JSON' PORT
 */

import type { InterfacesConfig } from 'lessor/internal/domain/snapshot.js';
import { formatIpv4, parseIpv4 } from 'lessor/internal/domain/values.js';
import { systemClock } from 'lessor/internal/platform/clock.js';
import { linuxNetworkStack } from 'lessor/internal/platform/linux-sockets.js';
import type { Datagram, Logger, Reply } from 'lessor/internal/services/ports.js';
import { plainNetworkStack } from 'lessor/internal/transports/dhcp4-plain.js';
import { type Dhcp4Port, openDhcp4Port } from 'lessor/internal/transports/dhcp4-socket.js';

function tell(event: string, fields: object): void {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}

/** `to ADDRESS PORT [HARDWARE ADDRESS]`: the reply somebody asks for with a datagram. */
function replyTo(datagram: Datagram): Reply[] {
  const [word, address, port, hwAddress] = datagram.octets.toString().split(' ');
  if (word !== 'to') return [];
  return [
    {
      octets: Buffer.from('reply'.padEnd(301, '.')),
      interface: datagram.interface,
      destination: parseIpv4(address!)!,
      port: Number(port),
      ...(hwAddress === undefined ? {} : { hwAddress: Buffer.from(hwAddress, 'hex') }),
    },
  ];
}

const logger: Logger = {
  enabled: () => true,
  log: (severity, id, text) => tell('log', { severity, id, text }),
  child: () => logger,
};

const [, , configText, portText] = process.argv;
const stack = process.env.LESSOR_SOCKETS === 'plain' ? plainNetworkStack(systemClock) : linuxNetworkStack(systemClock);
let port: Dhcp4Port;
try {
  port = await openDhcp4Port(
    JSON.parse(configText!) as InterfacesConfig,
    { serverPort: Number(portText), maxBatch: 1024 },
    { network: stack, clock: systemClock, logger, onGiveUp: (error) => tell('gave-up', { text: error.message }) },
  );
} catch (error) {
  tell('refused', { text: (error as Error).message });
  process.exit(1);
}
port.onBatch((batch) => {
  for (const { octets, interface: netif, source, sourcePort, destination } of batch) {
    tell('datagram', {
      text: octets.toString(),
      interface: netif.name,
      address: formatIpv4(netif.address),
      from: `${formatIpv4(source)}:${sourcePort}`,
      to: formatIpv4(destination),
    });
  }
  port.send(batch.flatMap(replyTo));
});
process.stdin.on('end', () => void port.close()).resume();
tell('ready', {});
