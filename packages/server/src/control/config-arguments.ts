/** The configuration in the arguments of config-set, config-test and config-plan (Kea: ctrl_dhcp4_srv.cc, d_controller.cc). */

import { jsonTypeOf } from '@lessor/kea';
import { CORE_WORDING, invalid, memberOf } from './arguments.js';
import type { ControlCommand, Json, JsonMap } from './command.js';
import { restoreSecrets } from './secrets.js';

/**
 * `{"Dhcp4": {...}}`, or the map of another daemon, with redacted secrets put back. A `hash` beside it, as config-get
 * answers, is dropped: so what was got can be set again (Kea refuses it).
 * @param name of the map
 * @param present the same map as it is in force
 * @param others members that may stand beside it
 * @throws CommandError
 */
export function readConfiguration(
  command: ControlCommand,
  name: string,
  present: JsonMap,
  others: readonly string[] = [],
): Json {
  if (command.args === undefined) throw invalid("Missing mandatory 'arguments' parameter.");
  if (jsonTypeOf(command.args) !== 'map') throw invalid(CORE_WORDING.noMap(command.name));
  const args = command.args as JsonMap;
  const config = memberOf(args, name);
  if (config === undefined) throw invalid(`Missing mandatory '${name}' parameter.`);
  if (jsonTypeOf(config) !== 'map') throw invalid(`'${name}' parameter expected to be a map.`);
  const strangers = Object.keys(args)
    .filter((member) => member !== name && member !== 'hash' && !others.includes(member))
    .sort();
  if (strangers.length > 0) {
    const [first, ...rest] = strangers;
    throw invalid(`Unsupported '${first}' parameter${rest.map((other) => ` (and '${other}')`).join('')}.`);
  }
  return { [name]: restoreSecrets(config, present) };
}
