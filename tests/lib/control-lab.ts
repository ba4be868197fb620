/**
 * Servers that are only managed, not asked for addresses: Kea 2.2 behind its Control Agent and lessor on sockets of its
 * own, with the same configuration, on loopback and unix sockets of the test.
 */

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { here } from './netns.js';
import { getPeer } from './peers.js';
import { freePort } from './ports.js';
import { type Dhcp4, Server } from './server.js';
import { SUBJECTS, type SubjectName } from './subject.js';
import { until } from './until.js';

/** Credentials of the lab's HTTP doors. */
export const LAB_USER = 'admin';
/** See LAB_USER. */
export const LAB_PASSWORD = 's3cret';

/** Certificates of one authority: the server's is for 127.0.0.1. Paths of PEM files. */
export interface LabCertificates {
  readonly ca: string;
  readonly serverCert: string;
  readonly serverKey: string;
  readonly clientCert: string;
  readonly clientKey: string;
}

/** One server with three doors. */
export interface ControlLab {
  readonly server: Server;
  readonly certificates: LabCertificates;
  /** Basic authentication; in front of Kea stands its Control Agent. */
  readonly httpPort: number;
  /** Client certificate and basic authentication. */
  readonly httpsPort: number;
  /** lessor: no authentication. */
  readonly plainPort: number;
  close(): Promise<void>;
}

const DHCP4: Dhcp4 = {
  subnet4: [{ id: 1, subnet: '192.0.2.0/24', pools: [{ pool: '192.0.2.1 - 192.0.2.50' }] }],
};

/** Basic authentication by {@link LAB_USER}. */
export const AUTHENTICATION = {
  type: 'basic',
  realm: 'kea-lab',
  clients: [{ user: LAB_USER, password: LAB_PASSWORD }],
};

/** Starts one of the subjects. @throws Error with its log if it does not start */
export async function openControlLab(name: SubjectName, dhcp4: Dhcp4 = DHCP4): Promise<ControlLab> {
  const server = new Server(here, { subject: SUBJECTS[name], interfaces: [] });
  const certificates = makeCertificates(server.folder);
  const [httpPort, httpsPort, plainPort] = [await freePort(), await freePort(), await freePort()];
  const agents: (() => Promise<void>)[] = [];
  if (name === 'lessor') {
    const unix = { 'socket-type': 'unix', 'socket-name': server.socket };
    const plain = { 'socket-type': 'http', 'socket-port': plainPort };
    const doors = lessorDoors(httpPort, httpsPort, certificates);
    server.configure({ 'control-sockets': [unix, ...doors, plain], ...dhcp4 });
  } else {
    server.configure(dhcp4);
  }
  const close = async (): Promise<void> => {
    for (const stop of agents) await stop();
    await server.close();
  };
  try {
    await server.start();
    if (name === 'kea') {
      const program = getPeer('kea-ctrl-agent');
      agents.push(await startAgent(program, server, httpPort, { authentication: AUTHENTICATION }));
      const tls = { authentication: AUTHENTICATION, ...agentTls(certificates) };
      agents.push(await startAgent(program, server, httpsPort, tls));
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { server, certificates, httpPort, httpsPort, plainPort, close };
}

function lessorDoors(httpPort: number, httpsPort: number, files: LabCertificates): object[] {
  const door = { 'socket-address': '127.0.0.1', authentication: AUTHENTICATION };
  return [
    { 'socket-type': 'http', 'socket-port': httpPort, ...door },
    {
      'socket-type': 'https',
      'socket-port': httpsPort,
      ...door,
      'trust-anchor': files.ca,
      'cert-file': files.serverCert,
      'key-file': files.serverKey,
    },
  ];
}

/** TLS with client certificates, as a Control Agent is configured. */
export function agentTls(files: LabCertificates): object {
  return { 'trust-anchor': files.ca, 'cert-file': files.serverCert, 'key-file': files.serverKey };
}

/** Starts a Control Agent before a server and waits for its port; what it returns stops it. */
export async function startAgent(
  program: string,
  server: Server,
  port: number,
  more: object,
): Promise<() => Promise<void>> {
  const file = join(server.folder, `agent-${port}.conf`);
  const agent = {
    'http-host': '127.0.0.1',
    'http-port': port,
    'control-sockets': { dhcp4: { 'socket-type': 'unix', 'socket-name': server.socket } },
    loggers: [{ name: 'kea-ctrl-agent', severity: 'WARN', output_options: [{ output: 'stdout' }] }],
    ...more,
  };
  writeFileSync(file, JSON.stringify({ 'Control-agent': agent }));
  const run = join(server.folder, `agent-${port}`);
  mkdirSync(run, { mode: 0o750 });
  const child = here.spawn([program, '-c', file], {
    stdio: 'ignore',
    env: { ...process.env, KEA_PIDFILE_DIR: run, KEA_LOCKFILE_DIR: run },
  });
  const exit = once(child, 'exit');
  await waitForPort(port);
  return async () => {
    child.kill('SIGKILL');
    await exit;
  };
}

async function waitForPort(port: number): Promise<void> {
  await until(`somebody listens on port ${port}`, async () => {
    const socket = connect(port, '127.0.0.1');
    const open = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    return open;
  });
}

function makeCertificates(folder: string): LabCertificates {
  const file = (name: string): string => join(folder, name);
  const openssl = (...args: string[]) => execFileSync(getPeer('openssl'), args, { stdio: 'pipe' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...key, '-keyout', file('ca.key'), '-out', file('ca.pem'), '-subj', '/CN=lab', '-days', '2');
  for (const [name, subject] of [
    ['server', '/CN=127.0.0.1'],
    ['client', '/CN=operator'],
  ] as const) {
    openssl('req', ...key, '-keyout', file(`${name}.key`), '-out', file(`${name}.csr`), '-subj', subject);
    writeFileSync(file('ext'), 'subjectAltName=IP:127.0.0.1\n');
    const ca = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial', '-extfile', file('ext')];
    openssl('x509', '-req', '-in', file(`${name}.csr`), ...ca, '-out', file(`${name}.pem`), '-days', '2');
  }
  return {
    ca: file('ca.pem'),
    serverCert: file('server.pem'),
    serverKey: file('server.key'),
    clientCert: file('client.pem'),
    clientKey: file('client.key'),
  };
}
