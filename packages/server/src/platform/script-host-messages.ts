/** What a server and the process that runs programs for it say to each other. */

import type { ProgramCall, ProgramEnd } from '../services/ports.js';

/** To the host: run this, or end what runs and go. */
export type HostOrder = (ProgramCall & { readonly id: number }) | 'end';

/** From the host: this one has ended. */
export interface HostReport {
  readonly id: number;
  readonly end: ProgramEnd;
}
