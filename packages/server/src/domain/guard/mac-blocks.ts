/**
 * Registered blocks of board makers (IEEE list), as far as they are named by those who describe their BMCs. The same
 * blocks are on the makers' host ports: a block is a word beside other evidence and never evidence of its own.
 */

import { blockOf, type Mac } from './mac.js';

const BLOCKS: Readonly<Record<string, readonly number[]>> = {
  'Super Micro': [0x00_25_90, 0x00_30_48, 0x0c_c4_7a, 0x3c_ec_ef, 0x7c_c2_55, 0xac_1f_6b],
  Fujitsu: [0x00_19_99, 0x4c_52_62, 0x90_1b_0e],
  Wiwynn: [0x5c_fe_9e],
  Tyan: [0x00_e0_81, 0xa0_42_3f],
  xFusion: [0x34_73_79],
};

const MAKERS = new Map(Object.entries(BLOCKS).flatMap(([maker, blocks]) => blocks.map((block) => [block, maker])));

/** Whose block an address is of, if that is one of the table. */
export function makerOf(mac: Mac): string | undefined {
  return MAKERS.get(blockOf(mac));
}
