/** Adding, changing and removing leases (Kea: libdhcp_lease_cmds). Each answer leaves after the change is durable. */

import { dirname, join, resolve } from 'node:path';
import type { Ipv4, SubnetId } from '../../domain/values.js';
import { formatIpv4 } from '../../domain/values.js';
import { CommandError } from '../../errors.js';
import type { LeaseTransaction } from '../../services/ledger.js';
import {
  argumentMap,
  boolean,
  CORE_WORDING,
  defineCommand,
  invalid,
  memberOf,
  text,
  type Wording,
} from '../arguments.js';
import { type CommandResult, type CommandRow, type ControlCommand, type JsonMap, Result } from '../command.js';
import { jsonUnsigned } from '../json-members.js';
import { checkHolder, findLease, readLease, readLeaseKey } from '../lease-arguments.js';
import type { ControlServices, LeaseExporter } from '../services.js';

/** Leases looked at before the loop may look at its packets again; what goes of them goes in one transaction. */
const LEASES_PER_TURN = 1000;

const WRITTEN_LEASE = {
  'ip-address': { type: 'a string', optional: false },
  'hw-address': { type: 'a string', optional: false },
  'subnet-id': { type: 'an integer', optional: true },
  'pool-id': { type: 'an integer', optional: true },
  'client-id': { type: 'a string', optional: true },
  'valid-lft': { type: 'an integer', optional: true },
  expire: { type: 'an integer', optional: true },
  'fqdn-fwd': { type: 'a boolean', optional: true },
  'fqdn-rev': { type: 'a boolean', optional: true },
  hostname: { type: 'a string', optional: true },
  state: { type: 'an integer', optional: true },
  'user-context': { type: 'a map', optional: true },
  comment: { type: 'a string', optional: true },
} as const;

const WRITE_WORDING: Wording = {
  noArguments: () => 'no parameters specified for the command',
  noMap: CORE_WORDING.noMap,
  missing: (member) => `'${member}' parameter not specified`,
  wrongType: (member, type) => `'${member}' parameter must be ${type}`,
};

/** The rows. */
export const LEASE_CHANGE_COMMANDS: readonly CommandRow<ControlServices>[] = [
  {
    name: 'lease4-add',
    access: 'write',
    hook: 'lease_cmds',
    summary: 'creates a lease; what is not given comes from the subnet, and the subnet from the address',
    args: WRITTEN_LEASE,
    async run(command, { ledger, config, clock }) {
      const args = leaseArguments(command, 'no parameters specified for the command');
      const { lease } = readLease(args, config.current, Math.floor(clock.now() / 1000));
      await ledger.transact((tx) => {
        if (tx.getByAddress(lease.address) !== undefined) throw conflict('IPv4 lease already exists.');
        checkHolder(lease);
        tx.put(lease);
      });
      const which = `address ${formatIpv4(lease.address)}, subnet-id ${lease.subnetId}`;
      return { result: Result.success, text: `Lease for ${which} added.` };
    },
  },
  {
    name: 'lease4-update',
    access: 'ha',
    hook: 'lease_cmds',
    summary: 'replaces a lease, and creates it where force-create says so',
    args: {
      ...WRITTEN_LEASE,
      'force-create': { type: 'a boolean', optional: true },
      origin: { type: 'a string', optional: true },
    },
    async run(command, { ledger, config, clock }) {
      const args = leaseArguments(command, 'no parameters specified for lease4-update command');
      const { lease, forceCreate } = readLease(args, config.current, Math.floor(clock.now() / 1000));
      const existed = await ledger.transact((tx) => {
        const before = tx.getByAddress(lease.address);
        if (before === undefined && !forceCreate) {
          throw conflict(
            `failed to update the lease with address ${formatIpv4(lease.address)} either because the lease has been ` +
              'deleted or it has changed in the database, in both cases a retry might succeed',
          );
        }
        checkHolder(lease);
        tx.put(lease);
        return before !== undefined;
      });
      return { result: Result.success, text: existed ? 'IPv4 lease updated.' : 'IPv4 lease added.' };
    },
  },
  {
    name: 'lease4-del',
    access: 'ha',
    hook: 'lease_cmds',
    summary: 'removes a lease, by ip-address, or by subnet-id, identifier-type (hw-address, client-id) and identifier',
    args: {
      'ip-address': { type: 'a string', optional: true },
      'subnet-id': { type: 'an integer', optional: true },
      'identifier-type': { type: 'a string', optional: true },
      identifier: { type: 'a string', optional: true },
      'update-ddns': { type: 'a boolean', optional: true },
    },
    async run(command, { ledger, names }) {
      const updateDdns = memberOf((command.args ?? {}) as JsonMap, 'update-ddns');
      if (updateDdns !== undefined && boolean.accept(updateDdns) === undefined) {
        throw invalid("'update-ddns' is not a boolean");
      }
      const key = readLeaseKey(command, 'Delete');
      const found = await ledger.transact((tx) => {
        const lease = findLease(tx, key);
        if (lease === undefined) return false;
        if (updateDdns === true) names.removed(lease, tx);
        tx.delete(lease.address);
        return true;
      });
      return found
        ? { result: Result.success, text: 'IPv4 lease deleted.' }
        : { result: Result.empty, text: 'IPv4 lease not found.' };
    },
  },
  {
    name: 'lease4-wipe',
    access: 'write',
    hook: 'lease_cmds',
    summary: 'removes all leases of a subnet, or those of all subnets that are configured',
    args: { 'subnet-id': { type: 'an integer', optional: true } },
    async run(command, services) {
      const args = argumentMap(command, CORE_WORDING) ?? {};
      const one = jsonUnsigned(args, 'subnet-id', 32, 0);
      const ids = one === 0 ? services.config.current.subnets.map(({ id }) => id) : [one];
      return wiped(await wipe(new Set(ids), services), ids);
    },
  },
  defineCommand({
    name: 'lease4-write',
    access: 'write',
    hook: 'lease_cmds',
    summary: 'writes all leases to a file of its own, in the form of the lease file, in the data directory',
    args: { filename: text },
    wording: WRITE_WORDING,
    async run({ filename }, { leaseExporter }) {
      const path = exportPath(filename, leaseExporter);
      try {
        await leaseExporter.write(path);
      } catch (error) {
        throw new CommandError('command-failed', `unable to write ${path}: ${(error as Error).message}`);
      }
      return { result: Result.success, text: `IPv4 lease database into '${path}'.` };
    },
  }),
];

function leaseArguments(command: ControlCommand, missing: string): JsonMap {
  const args = argumentMap(command, CORE_WORDING);
  if (args === undefined) throw invalid(missing);
  return args;
}

/** Removes the leases of some subnets, some at a time; returns how many there were. */
async function wipe(subnets: ReadonlySet<SubnetId>, { ledger, clock }: ControlServices): Promise<number> {
  let removed = 0;
  let after: Ipv4 | undefined;
  for (;;) {
    const turn = await ledger.transact((tx) => wipeTurn(subnets, after, tx));
    removed += turn.removed;
    if (turn.last === undefined) return removed;
    after = turn.last;
    await new Promise<void>((resume) => clock.soon(resume));
  }
}

function wipeTurn(subnets: ReadonlySet<SubnetId>, after: Ipv4 | undefined, tx: LeaseTransaction) {
  const page = tx.page(after, LEASES_PER_TURN);
  const gone = page.filter(({ subnetId }) => subnets.has(subnetId));
  for (const { address } of gone) tx.delete(address);
  return { removed: gone.length, last: page.length < LEASES_PER_TURN ? undefined : page.at(-1)!.address };
}

function wiped(count: number, ids: readonly SubnetId[]): CommandResult {
  const message = `Deleted ${count} IPv4 lease(s) from subnet(s)${ids.map((id) => ` ${id}`).join('')}`;
  return { result: count > 0 ? Result.success : Result.empty, text: message };
}

/** The file a name stands for: in the data directory, with or without its path (CVE-2025-32802). */
function exportPath(filename: string, { directory, anywhere }: LeaseExporter): string {
  const name = filename.slice(filename.lastIndexOf('/') + 1);
  if (name === '' || name === '.' || name === '..') {
    throw invalid(`'filename' parameter is invalid: '${filename}' does not name a file`);
  }
  if (name === filename) return join(directory, name);
  const given = dirname(filename);
  if (resolve(given) !== resolve(directory) && !anywhere) {
    throw invalid(
      `'filename' parameter is invalid: invalid path specified: '${given}', supported path is '${directory}'`,
    );
  }
  return filename;
}

function conflict(message: string): CommandError {
  return new CommandError('command-conflict', message, Result.conflict);
}
