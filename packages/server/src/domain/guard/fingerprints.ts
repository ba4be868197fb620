/**
 * THE table of fingerprints that come with lessor. Each row is a fact about a product, how sure it is and where it is
 * from; what is only commonly reported is `low`. Operators add their own (`bmc-guard.fingerprints`).
 *
 * What is not here: generic AMI, Supermicro, OpenBMC and DGX boards send nothing that tells them apart, so a client that
 * fits no row may still be a management processor.
 */

import { parsePattern } from './pattern.js';
import type { Confidence, Signature, SignatureField, SignatureKind } from './signatures.js';

type Row = readonly [SignatureField, string, SignatureKind, string, Confidence, string];

const ROWS: readonly Row[] = [
  // Management processors.
  ['vendor-class', 'iDRAC', 'bmc', 'Dell iDRAC', 'high', 'Dell iDRAC user guides'],
  ['host-name', 'idrac-{alnum:7}', 'bmc', 'Dell iDRAC', 'medium', 'Dell automation scripts: the service tag'],
  ['vendor-class', 'CPQRIB3', 'bmc', 'HPE iLO', 'high', 'NVIDIA bare-metal manager; HPE iLO 4 guide'],
  ['vendor-class', 'CPQRIB3 (*', 'bmc', 'HPE iLO', 'high', 'HPE iLO 4 guide: with the model in parentheses'],
  ['host-name', 'ILO{alnum:10}', 'bmc', 'HPE iLO', 'low', 'commonly reported: the serial number'],
  ['host-name', 'IMM-{mac}', 'bmc', 'Lenovo or IBM IMM', 'medium', 'Lenovo product pages'],
  ['host-name', 'IMM2-{mac}', 'bmc', 'Lenovo IMM2', 'medium', 'Lenovo product pages'],
  ['host-name', 'XCC-*', 'bmc', 'Lenovo XCC', 'low', 'commonly reported: model and serial number'],
  ['vendor-class', 'NVIDIA/BF/BMC', 'bmc', 'NVIDIA BlueField BMC', 'high', 'NVIDIA bare-metal manager'],
  ['vendor-class', 'DCMI36465:1.5', 'bmc', 'AMI MegaRAC', 'high', 'DHCP script of a MegaRAC firmware'],
  ['vendor-options', '2.00', 'bmc', 'AMI MegaRAC', 'low', 'DHCP script of a MegaRAC firmware'],
  ['host-name', 'DCMI{mac-dashes}', 'bmc', 'AMI MegaRAC', 'medium', 'DHCP script of a MegaRAC firmware'],
  ['vendor-class', 'udhcp *', 'bmc', 'busybox client', 'low', 'BMCs, but also phones, cameras and routers'],
  ['host-name', 'C220-*', 'bmc', 'Cisco CIMC', 'low', 'commonly reported: model and serial number'],
  ['host-name', 'C240-*', 'bmc', 'Cisco CIMC', 'low', 'commonly reported: model and serial number'],
  ['host-name', 'iRMC{hex:6}', 'bmc', 'Fujitsu iRMC', 'low', 'commonly reported: end of the MAC address'],
  // What stands beside them.
  ['vendor-class', 'APC', 'power', 'APC network management card', 'high', 'APC manuals'],
  ['vendor-class', 'NVIDIA/BF/OOB', 'dpu', 'NVIDIA BlueField', 'high', 'NVIDIA bare-metal manager'],
  ['vendor-class', 'BF2Client', 'dpu', 'NVIDIA BlueField 2', 'high', 'NVIDIA bare-metal manager'],
  // Hosts.
  ['vendor-class', 'PXEClient*', 'host', 'network boot', 'high', 'Preboot Execution Environment, RFC 4578'],
  ['vendor-class', 'HTTPClient*', 'host', 'network boot', 'high', 'UEFI specification, HTTP boot'],
  ['vendor-class', 'MSFT *', 'host', 'Windows', 'high', 'Microsoft, MS-DHCPE'],
  ['vendor-class', 'dhcpcd-*', 'host', 'dhcpcd', 'high', 'dhcpcd: version, system and machine'],
  ['vendor-class', 'android-dhcp-*', 'host', 'Android', 'high', 'Android DHCP client'],
  ['user-class', 'iPXE', 'host', 'network boot (iPXE)', 'high', 'iPXE'],
];

/** The rows, ready to be matched. */
export const FINGERPRINTS: readonly Signature[] = ROWS.map(([field, text, kind, product, confidence, source]) => {
  const pattern = parsePattern(text, field === 'host-name');
  if (typeof pattern === 'string') throw new Error(`fingerprint "${text}": ${pattern}`);
  return { field, pattern, kind, product, confidence, source };
});
