/** Bounds many rows of the parameter table have in common. */

/** Largest unsigned 32-bit number. */
export const U32 = 0xffff_ffff;
/** Largest unsigned 16-bit number. */
export const U16 = 0xffff;
