/** dhcp-disable and dhcp-enable (Kea: ctrl_dhcp4_srv.cc, network_state.cc). */

import { ServiceOrigin } from '../../services/service-switch.js';
import { CORE_WORDING, defineCommand, integer, invalid, optional, textOrInteger, type Wording } from '../arguments.js';
import { type CommandRow, type Json, Result } from '../command.js';
import type { ControlServices } from '../services.js';

const wording: Wording = {
  ...CORE_WORDING,
  wrongType: (member, type) => `'${member}' argument must be ${type === 'an integer' ? 'a number' : type}`,
};

/** `origin` is looked at only where there is no `origin-id`, so whatever it is may be there. */
const ORIGIN_FIELDS = {
  'origin-id': optional(integer),
  origin: optional<Json>({ ...textOrInteger, accept: (value) => value }),
};

/** The rows. */
export const SERVICE_COMMANDS: readonly CommandRow<ControlServices>[] = [
  defineCommand({
    name: 'dhcp-disable',
    access: 'write',
    hook: 'core',
    summary:
      'stops answering clients, for good or for max-period seconds; every origin holds the service off by itself',
    args: { 'max-period': optional(integer), ...ORIGIN_FIELDS },
    wording,
    run({ 'max-period': period, 'origin-id': id, origin: name }, { serviceSwitch }) {
      if (period !== undefined && period <= 0) throw invalid("'max-period' must be positive integer");
      const origin = originOf(id, name);
      if (period !== undefined && origin >= ServiceOrigin.store) {
        throw invalid(
          'a lost lease store does not come back after a period: max-period can not be used with its origin',
        );
      }
      serviceSwitch.disable(origin, period);
      const forHowLong = period === undefined ? '' : ` for ${period} seconds`;
      return { result: Result.success, text: `DHCPv4 service disabled${forHowLong}` };
    },
  }),
  defineCommand({
    name: 'dhcp-enable',
    access: 'write',
    hook: 'core',
    summary: 'lets go what one origin held off; clients are answered once no origin is left',
    args: ORIGIN_FIELDS,
    wording,
    run({ 'origin-id': id, origin: name }, { serviceSwitch }) {
      serviceSwitch.enable(originOf(id, name));
      return { result: Result.success, text: 'DHCP service successfully enabled' };
    },
  }),
];

/** `origin-id` (since Kea 2.5.8) goes before `origin`; HA peers send both. */
function originOf(id: number | undefined, origin: Json | undefined): number {
  const given = id ?? (origin === undefined ? ServiceOrigin.user : textOrInteger.accept(origin));
  if (given === undefined) throw invalid(wording.wrongType('origin', textOrInteger.type));
  if (given === 'user') return ServiceOrigin.user;
  if (given === 'ha-partner') return ServiceOrigin.haRemote;
  if (typeof given === 'string') {
    throw invalid(`invalid value used for 'origin' parameter: ${given === '' ? '(empty string)' : given}`);
  }
  if (given < 0 || given > 0xffff_ffff) throw invalid(`origin ${given} is out of range`);
  return given;
}
