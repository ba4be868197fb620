/** An alarm as JSON: what guard-alarm-list answers and the event `guard-alarm` carries. */

import type { JsonMap } from '../snapshot.js';
import type { GuardAlarm } from './alarms.js';
import { formatMac } from './mac.js';

/** Times are seconds since 1970. */
export function alarmToJson(alarm: GuardAlarm): JsonMap {
  const { acknowledged } = alarm;
  return {
    id: alarm.id,
    rule: alarm.rule,
    severity: alarm.severity,
    'hw-address': formatMac(alarm.mac),
    'subnet-id': alarm.subnetId,
    first: Math.floor(alarm.firstAt / 1000),
    last: Math.floor(alarm.lastAt / 1000),
    count: alarm.count,
    score: alarm.score,
    text: alarm.text,
    evidence: alarm.evidence.map(({ feature, text, weight }) => ({ feature, text, weight })),
    action: alarm.action,
    ...(acknowledged === undefined
      ? {}
      : { acknowledged: { at: Math.floor(acknowledged.at / 1000), who: acknowledged.who } }),
  };
}
