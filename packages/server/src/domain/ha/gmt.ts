/** Instants as Kea's HA writes them: RFC 1123 in GMT, `Mon, 23 Nov 2026 00:02:01 GMT`. */

import { civilDate } from '../civil-date.js';
import type { EpochMs } from '../values.js';

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;
const MS_A_DAY = 86_400_000;

/** The text of an instant, to whole seconds. */
export function formatGmt(atMs: EpochMs): string {
  const days = Math.floor(atMs / MS_A_DAY);
  const seconds = Math.floor((atMs - days * MS_A_DAY) / 1000);
  const { year, month, day } = civilDate(days);
  // 1 January 1970 was a Thursday.
  const weekday = DAYS[(((days + 4) % 7) + 7) % 7]!;
  return `${weekday}, ${two(day)} ${MONTHS[month - 1]!} ${year} ${clockTime(seconds)} GMT`;
}

/** The same instant as Kea 3 shows it in status-get: `2026-11-23 00:02:01`, in UTC. */
export function formatSystemTime(atMs: EpochMs): string {
  const days = Math.floor(atMs / MS_A_DAY);
  const seconds = Math.floor((atMs - days * MS_A_DAY) / 1000);
  const { year, month, day } = civilDate(days);
  return `${year}-${two(month)}-${two(day)} ${clockTime(seconds)}`;
}

function clockTime(seconds: number): string {
  return [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map(two).join(':');
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
