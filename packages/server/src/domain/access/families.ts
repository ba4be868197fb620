/** THE table of command families: the words in which rights are given. Every command is in exactly one of them. */

/** One family. */
export interface FamilyRow {
  /** For the reference: what whoever has it can do. */
  readonly doc: string;
  /** True if its commands change something. */
  readonly changes: boolean;
}

/** The table. Keys are the families. */
export const FAMILIES = {
  status: { changes: false, doc: 'versions, status, interfaces, names of commands, hash of the configuration' },
  statistics: { changes: false, doc: 'counters' },
  'statistics-change': { changes: true, doc: 'set counters back, forget them, keep more or fewer samples' },
  leases: { changes: false, doc: 'look leases up' },
  'leases-change': { changes: true, doc: 'add, change and remove single leases' },
  'leases-wipe': { changes: true, doc: 'remove all leases of a subnet, or all there are' },
  reservations: { changes: false, doc: 'look reservations (OMAPI: hosts) up' },
  'reservations-change': { changes: true, doc: 'add, change and remove reservations (OMAPI: hosts)' },
  networks: { changes: false, doc: 'look subnets, shared networks and pools up' },
  'networks-change': { changes: true, doc: 'add, change and remove subnets and shared networks' },
  classes: { changes: false, doc: 'look client classes (OMAPI: groups) up' },
  'classes-change': { changes: true, doc: 'add, change and remove client classes (OMAPI: groups)' },
  config: { changes: false, doc: 'read the whole configuration; passwords and secrets are replaced by *****' },
  'config-change': {
    changes: true,
    doc: 'test, set, reload and write the configuration, except what is in `security`',
  },
  security: {
    changes: true,
    doc: 'secrets in the configuration; changes of who may do what, of listeners, files and hooks by config-set',
  },
  service: { changes: true, doc: 'hold DHCP service off and let it go' },
  maintenance: { changes: true, doc: 'lease file cleanup and export, reclamation, interfaces, acknowledging alarms' },
  process: { changes: true, doc: 'stop the server' },
  replication: { changes: true, doc: 'what partners of a redundant pair say to each other' },
} as const satisfies Readonly<Record<string, FamilyRow>>;

/** A key of {@link FAMILIES}. */
export type Family = keyof typeof FAMILIES;

/** All of them, in the order of the table. */
export const FAMILY_NAMES = Object.keys(FAMILIES) as readonly Family[];

/** True for the name of a family. */
export function isFamily(name: string): name is Family {
  return Object.hasOwn(FAMILIES, name);
}
