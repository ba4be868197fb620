/** Which decider takes which message type. */

import type { Decision, DecisionContext } from './decision.js';
import { MessageType } from './decision.js';
import { decideDecline } from './decline.js';
import { decideDiscover } from './discover.js';
import { decideInform } from './inform.js';
import { decideRelease } from './release.js';
import { decideRequest } from './request.js';
import { decideV6Only } from './v6-only.js';

/** The deciders. BOOTP requests have message type 0 and are decided as requests. */
export const DECIDERS: Readonly<Record<number, (ctx: DecisionContext) => Decision>> = {
  0: decideRequest,
  [MessageType.discover]: (ctx) => decideV6Only(ctx) ?? decideDiscover(ctx),
  [MessageType.request]: (ctx) => decideV6Only(ctx) ?? decideRequest(ctx),
  [MessageType.decline]: decideDecline,
  [MessageType.release]: decideRelease,
  [MessageType.inform]: decideInform,
};
