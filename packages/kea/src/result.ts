/** Result codes of the control channel (Kea: src/lib/cc/command_interpreter.h). */

/** The codes by name. */
export const ResultCode = {
  success: 0,
  /** Anything that went wrong, malformed arguments included. */
  error: 1,
  /** No such command here. */
  unsupported: 2,
  /** Understood, but nothing found or nothing changed. */
  empty: 3,
  /** Well-formed, but in conflict with the server's state (Kea 3.x; earlier releases answered `error`). */
  conflict: 4,
  /** A reconfiguration failed and could not be undone. */
  fatal: 5,
} as const;

/** A key of {@link ResultCode}. */
export type ResultCodeName = keyof typeof ResultCode;
