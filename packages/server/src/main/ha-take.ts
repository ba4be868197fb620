/** A configuration that the partner of a pair sends: what it would change here, and putting it in force. */

import type { ControlServices } from '../control/services.js';
import { makePlan, planToJson, planToText } from '../services/config-plan.js';
import { inSlices } from '../services/in-slices.js';
import type { TakeConfig } from '../services/pair/config-exchange.js';

/** Puts the configuration of the partner in force, or says what it would change. */
export function takeFromPartner({ config, leases, clock }: ControlServices): TakeConfig {
  return async (dhcp4, apply, from) => {
    const value = { Dhcp4: dhcp4 };
    const { snapshot } = await config.test(value);
    const plan = await inSlices(makePlan(config.current, snapshot, leases, Math.floor(clock.now() / 1000)), clock);
    const said = { ...planToJson(plan), text: planToText(plan) };
    if (apply) await config.set(value, { who: from, command: 'ha-config-push' });
    return said;
  };
}
