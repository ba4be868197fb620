/** What a configuration says of names in the DNS. */

/** What is looked at before an entry is replaced (RFC 4703; Kea: ddns-conflict-resolution-mode). */
export type ConflictResolutionMode =
  | 'check-with-dhcid'
  | 'no-check-with-dhcid'
  | 'check-exists-with-dhcid'
  | 'no-check-without-dhcid';

/** DDNS behaviour, resolved (Kea: ddns-*). */
export interface DdnsBehaviour {
  readonly sendUpdates: boolean;
  readonly overrideNoUpdate: boolean;
  readonly overrideClientUpdate: boolean;
  readonly replaceClientName: 'never' | 'always' | 'when-present' | 'when-not-present';
  readonly generatedPrefix: string;
  readonly qualifyingSuffix: string;
  readonly updateOnRenew: boolean;
  readonly conflictResolution: ConflictResolutionMode;
  /** TTL of DNS records: fixed, else a share of the lifetime within bounds; what is absent or 0 has Kea's default. */
  readonly ttl: {
    readonly fixedSec?: number;
    readonly share?: number;
    readonly minSec?: number;
    readonly maxSec?: number;
  };
  /** Compiled hostname-char-set; undefined = no sanitizing. */
  readonly hostnameCharSet?: RegExp;
  readonly hostnameCharReplacement: string;
}

/** Where name change requests go, and from where (Kea: dhcp-ddns). Addresses are literals of one family. */
export interface DdnsConnection {
  readonly serverAddress: string;
  readonly serverPort: number;
  readonly senderAddress: string;
  /** 0: any. */
  readonly senderPort: number;
  /** Most requests that wait to be sent. */
  readonly maxQueueSize: number;
}
