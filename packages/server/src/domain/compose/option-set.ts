/**
 * Which options a reply carries, and their values: configured options of all scopes merged (Kea's order: reservation,
 * its group, pool, subnet, network, classes as they matched, global; the first that has the code wins), in the order the client
 * listed them (RFC 2132 §9.8).
 */

import type { OptionOctets } from '@lessor/dhcp';
import { encodeSubOptions, encodeVendorIdentifying } from '@lessor/dhcp';
import type { OptionData } from '../snapshot.js';

/** Option space of top-level options. */
const TOP = 'dhcp4';
const SUBNET_MASK = 1;
const VENDOR_CLASS_IDENTIFYING = 124;
const VENDOR_IDENTIFYING = 125;
/** Sent though not asked for: routers, name servers, domain name, server identifier (Kea: appendBasicOptions). */
const BASIC = [3, 6, 15, 54] as const;
const NO_ENTERPRISES: ReadonlyMap<number, Uint8Array> = new Map();

/** Inputs of {@link collectOptions}. */
export interface OptionRequest {
  /** option-data of each scope, the most specific first. */
  readonly scopes: readonly (readonly OptionData[])[];
  /** Option 55; empty if the client sent none. */
  readonly requested: Uint8Array;
  /** Codes the server sets itself: configured values of these are not used. */
  readonly reserved: ReadonlySet<number>;
  /** Subnet mask to send whatever is configured (Kea: getNetmaskOption); undefined = only if requested and configured. */
  readonly subnetMask: Uint8Array | undefined;
  /** Enterprise numbers the client named in options 124 and 125. */
  readonly enterprises: readonly number[];
  /** Vendor options asked for, by enterprise (CableLabs' option request, sub-option 1 of enterprise 4491). */
  readonly vendorRequested: ReadonlyMap<number, Uint8Array>;
  /** Options for BMCs only are given. */
  readonly bmcOnly: boolean;
  isMember(className: string): boolean;
}

/** The options to send, in order. */
export function collectOptions(request: OptionRequest): OptionOctets[] {
  const merged = mergeSpace(request, TOP);
  const options: OptionOctets[] = [];
  for (const code of sendingOrder(request, merged)) {
    if (code === VENDOR_IDENTIFYING) continue;
    if (code === VENDOR_CLASS_IDENTIFYING) {
      const data = mergedVendorClasses(request);
      if (data !== undefined) options.push({ code, data });
      continue;
    }
    if (code === SUBNET_MASK && request.subnetMask !== undefined) {
      options.push({ code, data: request.subnetMask });
      continue;
    }
    const option = merged.values.get(code);
    if (option !== undefined) options.push({ code, data: withSubOptions(request, option) });
  }
  const vendor = vendorIdentifying(request, merged);
  if (vendor !== undefined) options.push({ code: VENDOR_IDENTIFYING, data: vendor });
  return options;
}

/** One option space merged over the scopes. */
interface MergedSpace {
  /** First allowed entry of each code. */
  readonly values: ReadonlyMap<number, OptionData>;
  readonly always: ReadonlySet<number>;
  readonly never: ReadonlySet<number>;
}

function mergeSpace(request: OptionRequest, space: string): MergedSpace {
  const values = new Map<number, OptionData>();
  const always = new Set<number>();
  const never = new Set<number>();
  const joining: OptionData[] = [];
  for (const scope of request.scopes) {
    for (const option of scope) {
      if (option.space !== space || !isAllowed(request, option)) continue;
      if (option.neverSend) never.add(option.code);
      if (option.alwaysSend) always.add(option.code);
      if (option.join !== undefined) joining.push(option);
      else if (!values.has(option.code))
        values.set(option.code, joining.length === 0 ? option : joined(joining, option));
    }
  }
  for (const option of joining) {
    if (!values.has(option.code)) values.set(option.code, joined(joining, option));
  }
  return { values, always, never };
}

/**
 * An option with what more specific scopes join to it, in dhcpd's order: the least specific first.
 * @param joining all of a space that join, the most specific first
 * @param base what they join to, or, if it joins itself, one of them: then there is nothing else
 */
function joined(joining: readonly OptionData[], base: OptionData): OptionData {
  let value = base.join === undefined ? base.data : undefined;
  let result = base;
  for (const option of joining.toReversed()) {
    if (option.code !== base.code) continue;
    result = option;
    if (value === undefined) value = option.data;
    else if (option.join === 'append') value = concatenate([value, option.data]);
    else if (option.join === 'prepend') value = concatenate([option.data, value]);
  }
  return value === undefined || value === base.data ? base : { ...result, data: value };
}

/** Whether the client may have an option at all: its guard lets it in, and it is a BMC where only those may. */
function isAllowed(request: OptionRequest, option: OptionData): boolean {
  return (option.bmcOnly !== true || request.bmcOnly) && isGuardOpen(request, option);
}

function isGuardOpen({ isMember }: Pick<OptionRequest, 'isMember'>, { clientClasses }: OptionData): boolean {
  return clientClasses.length === 0 || clientClasses.some((name) => isMember(name));
}

/** True if the client would have got an option that is for BMCs only, and does not. */
export function withholds(request: OptionRequest): boolean {
  if (request.bmcOnly) return false;
  return request.scopes.some((scope) =>
    scope.some(
      (option) =>
        option.bmcOnly === true &&
        isGuardOpen(request, option) &&
        (option.alwaysSend || option.space !== TOP || request.requested.includes(option.code)),
    ),
  );
}

/**
 * Codes to send: what the client listed, in its order, then the rest by code; the subnet mask before all of them, as it
 * must come before the routers (RFC 2132 §3.3).
 */
function sendingOrder(request: OptionRequest, merged: MergedSpace): Iterable<number> {
  const rest = [...merged.always, ...BASIC.filter((code) => merged.values.has(code))];
  if (request.subnetMask !== undefined) rest.push(SUBNET_MASK);
  const mask = request.requested.includes(SUBNET_MASK) || rest.includes(SUBNET_MASK) ? [SUBNET_MASK] : [];
  const codes = new Set<number>([...mask, ...request.requested, ...rest.sort((a, b) => a - b)]);
  for (const code of codes) if (merged.never.has(code) || request.reserved.has(code)) codes.delete(code);
  return codes;
}

function withSubOptions(request: OptionRequest, option: OptionData): Uint8Array {
  if (option.encapsulates === undefined || option.encapsulates === '') return option.data;
  const { values, never } = mergeSpace(request, option.encapsulates);
  const children = [...values.values()]
    .filter((child) => !never.has(child.code))
    .sort((a, b) => a.code - b.code)
    .map((child) => ({ code: child.code, data: withSubOptions(request, child) }));
  if (children.length === 0) return option.data;
  return concatenate([option.data, encodeSubOptions(children)]);
}

/** Option 124 may be configured once for each enterprise: the first of each is sent. */
function mergedVendorClasses(request: OptionRequest): Uint8Array | undefined {
  const byEnterprise = byEnterpriseOf(request, VENDOR_CLASS_IDENTIFYING);
  return byEnterprise.size === 0 ? undefined : concatenate([...byEnterprise.values()]);
}

/** The values configured for an option that begins with an enterprise number, the first of each enterprise. */
function byEnterpriseOf(request: OptionRequest, code: number): ReadonlyMap<number, Uint8Array> {
  const byEnterprise = new Map<number, Uint8Array>();
  for (const scope of request.scopes) {
    for (const option of scope) {
      if (option.space !== TOP || option.code !== code || option.data.length < 4) continue;
      if (!isAllowed(request, option)) continue;
      const enterprise = enterpriseOf(option.data);
      if (!byEnterprise.has(enterprise)) byEnterprise.set(enterprise, option.data);
    }
  }
  return byEnterprise;
}

/**
 * Option 125 (RFC 3925 §4): for every enterprise the client named, or that is configured and wanted, the options of the
 * space vendor-NNN that are requested or always sent. An enterprise that is configured and wanted is named even if there
 * are none (Kea: appendRequestedOptions).
 */
function vendorIdentifying(request: OptionRequest, merged: MergedSpace): Uint8Array | undefined {
  if (merged.never.has(VENDOR_IDENTIFYING)) return undefined;
  const wanted = merged.always.has(VENDOR_IDENTIFYING) || request.requested.includes(VENDOR_IDENTIFYING);
  const configured = wanted ? byEnterpriseOf(request, VENDOR_IDENTIFYING) : NO_ENTERPRISES;
  const enterprises = new Set([...configured.keys(), ...request.enterprises]);
  const blocks: { enterprise: number; data: Uint8Array }[] = [];
  for (const enterprise of enterprises) {
    const space = mergeSpace(request, `vendor-${enterprise}`);
    const codes = new Set([...(request.vendorRequested.get(enterprise) ?? []), ...space.always]);
    const children = [...codes]
      .filter((code) => space.values.has(code) && !space.never.has(code))
      .sort((a, b) => a - b)
      .map((code) => ({ code, data: space.values.get(code)!.data }));
    if (children.length > 0 || configured.has(enterprise))
      blocks.push({ enterprise, data: encodeSubOptions(children) });
  }
  return blocks.length === 0 ? undefined : encodeVendorIdentifying(blocks);
}

function enterpriseOf(data: Uint8Array): number {
  return ((data[0]! << 24) | (data[1]! << 16) | (data[2]! << 8) | data[3]!) >>> 0;
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}
