/** What a fingerprint is: one thing a client says by which its kind can be told, how surely, and who says so. */

import type { Pattern } from './pattern.js';

/** Where a fingerprint looks. */
export const SIGNATURE_FIELDS = ['vendor-class', 'host-name', 'vendor-options', 'user-class'] as const;
/** One of {@link SIGNATURE_FIELDS}: option 60, option 12 or 81, option 43, option 77. */
export type SignatureField = (typeof SIGNATURE_FIELDS)[number];

/** What sort of client it tells of. */
export const SIGNATURE_KINDS = ['bmc', 'power', 'dpu', 'host'] as const;
/** One of {@link SIGNATURE_KINDS}: management processor, power unit, the system on a network card, anything else. */
export type SignatureKind = (typeof SIGNATURE_KINDS)[number];

/** How surely. `low` is a hint that says nothing alone. */
export const CONFIDENCES = ['low', 'medium', 'high'] as const;
/** One of {@link CONFIDENCES}. */
export type Confidence = (typeof CONFIDENCES)[number];

/** What a fingerprint adds to a score, 0..100. */
export const CONFIDENCE_WEIGHT: Readonly<Record<Confidence, number>> = { low: 20, medium: 50, high: 80 };

/** One fingerprint. */
export interface Signature {
  readonly field: SignatureField;
  readonly pattern: Pattern;
  readonly kind: SignatureKind;
  readonly product: string;
  readonly confidence: Confidence;
  /** Where the knowledge is from. */
  readonly source: string;
}
