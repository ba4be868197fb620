/** An answer whose arguments are text in pages already. */

import { parseCommandJson } from '@lessor/kea';
import type { CommandResult, Json } from './command.js';

/** An answer that is no longer is copied and does not keep its page. */
const SHORT_OCTETS = 4096;

/**
 * The answer.
 * @param argumentsText Kea's text of its arguments
 * @param release gives the pages back; called at once where they are not needed any more
 */
export function pagedAnswer(
  head: Pick<CommandResult, 'result' | 'text'>,
  argumentsText: readonly Buffer[],
  release: () => void,
): CommandResult {
  const octets = argumentsText.reduce((sum, { length }) => sum + length, 0);
  const isShort = octets <= SHORT_OCTETS;
  const text = isShort ? [Buffer.concat(argumentsText, octets)] : argumentsText;
  if (isShort) release();
  return {
    ...head,
    argumentsText: text,
    ...(isShort ? {} : { release }),
    get arguments(): Json {
      return parseCommandJson(Buffer.concat(text).toString('latin1'), { comments: false });
    },
  };
}
