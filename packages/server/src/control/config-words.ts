/** What a sender is told of a configuration, or a part of one, that came by command. */

import { ConfigError, type ConfigIssue, LessorError } from '../errors.js';
import type { EditOutcome } from '../services/edit-batch.js';

/** An issue of a configuration that came by command: it has no lines, so its JSON path says where. */
export function formatSentIssue({ message, position }: ConfigIssue): string {
  return position.path === '' ? message : `${message} (${position.path})`;
}

/** Words the issues of a configuration that came by command; the first line is the first one, as Kea's text is. */
export function wordedForSender<T>(work: () => T): T {
  const reword = (error: unknown): never => {
    if (!(error instanceof ConfigError)) throw error;
    throw new LessorError(error.code, error.issues.map(formatSentIssue).join('\n'), { cause: error });
  };
  try {
    const result = work();
    return result instanceof Promise ? (result.catch(reword) as T) : result;
  } catch (error) {
    return reword(error);
  }
}

/** The text of a change that was made; says so if it will be lost at the next start though it should not. */
export function changeText(text: string, { notWritten }: EditOutcome): string {
  return notWritten === undefined ? text : `${text} (in memory only: ${notWritten})`;
}
