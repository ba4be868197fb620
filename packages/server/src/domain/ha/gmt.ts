/** Instants as Kea's HA writes them: RFC 1123 in GMT, `Mon, 23 Nov 2026 00:02:01 GMT`. */

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
  return `${weekday}, ${two(day)} ${MONTHS[month]!} ${year} ${clockTime(seconds)} GMT`;
}

/** The same instant as Kea 3 shows it in status-get: `2026-11-23 00:02:01`, in UTC. */
export function formatSystemTime(atMs: EpochMs): string {
  const days = Math.floor(atMs / MS_A_DAY);
  const seconds = Math.floor((atMs - days * MS_A_DAY) / 1000);
  const { year, month, day } = civilDate(days);
  return `${year}-${two(month + 1)}-${two(day)} ${clockTime(seconds)}`;
}

/** Day, month (0..11) and year of a count of days since 1970: years begin in March, so that 29 February ends them. */
function civilDate(days: number): { readonly year: number; readonly month: number; readonly day: number } {
  const since = days + 719_468;
  const era = Math.floor(since / 146_097);
  const dayOfEra = since - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const fromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = (fromMarch + 2) % 12;
  return {
    year: yearOfEra + era * 400 + (month <= 1 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * fromMarch + 2) / 5) + 1,
  };
}

function clockTime(seconds: number): string {
  return [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map(two).join(':');
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
