/** What lessor adds to reservations and classes, read from their user-context (`lessor`). */

import { compileBooleanExpression, ExpressionSyntaxError } from '../domain/classes/compile.js';
import type { CompiledExpression } from '../domain/classes/expression.js';
import type { ClassRank, ClientKey, HostParameters, OwnLifetime, Reservation } from '../domain/snapshot.js';
import { isBuiltInClass } from './built-in-classes.js';
import { checkSection } from './check.js';
import type { BuildContext } from './context.js';
import { IDENTIFIER_TYPES } from './identifiers.js';
import { bootFields } from './inherit.js';
import { memberPath } from './issues.js';
import { markOf } from './omapi-mark.js';
import { buildOptions } from './options.js';
import type { Section } from './section.js';
import { parseOctets } from './values.js';

/** The extension of a reservation or class; undefined if it has none. What is wrong in it is reported. */
export function hostExtension(owner: Section, { issues }: BuildContext): Section | undefined {
  const node = owner.userContextNode?.members.get('lessor')?.value;
  if (node?.kind !== 'map') return undefined;
  return checkSection(node, 'host-extension', memberPath(owner.path, 'user-context.lessor'), issues);
}

/** Lifetimes and the rest that hosts and groups both have. */
export function hostParameters(extension: Section): HostParameters {
  const ownLifetime = ownLifetimeOf(extension);
  return {
    ...(ownLifetime === undefined ? {} : { ownLifetime }),
    ...broadcastOf(extension),
  };
}

function broadcastOf(section: Section): Pick<HostParameters, 'alwaysBroadcast'> {
  const alwaysBroadcast = section.boolean('always-broadcast');
  return alwaysBroadcast === undefined ? {} : { alwaysBroadcast };
}

function ownLifetimeOf(extension: Section): OwnLifetime | undefined {
  const defaultSec = extension.integer('valid-lifetime');
  const minSec = extension.integer('min-valid-lifetime');
  const maxSec = extension.integer('max-valid-lifetime');
  if (defaultSec === undefined && minSec === undefined && maxSec === undefined) return undefined;
  return {
    ...(defaultSec === undefined ? {} : { defaultSec }),
    ...(minSec === undefined ? {} : { minSec }),
    ...(maxSec === undefined ? {} : { maxSec }),
  };
}

/** Where the options of a class rank: see ClassRank. */
export function classRank(owner: Section): ClassRank {
  const { statements, match, subclass } = markOf(owner.userContext);
  if (subclass !== undefined) return 'subclass';
  if (match !== undefined) return 'matched';
  return statements === undefined ? 'class' : 'group';
}

/** A reservation with what its extension adds: other identifiers, and what it is in certain cases. */
export function extendReservation(plain: Reservation, section: Section, context: BuildContext): Reservation {
  const extension = hostExtension(section, context);
  if (extension === undefined) return plain;
  const aliases = buildAliases(extension, context);
  const ddnsHostname = extension.string('ddns-hostname');
  const base = {
    ...plain,
    ...hostParameters(extension),
    ...(ddnsHostname === undefined ? {} : { ddnsHostname }),
    ...(aliases.length === 0 ? {} : { aliases }),
  };
  // A case says everything anew: what holds without it does not hold in it.
  const { nextServer: _, serverHostname: __, bootFileName: ___, alwaysBroadcast: ____, ...client } = base;
  const cases = extension.sections('cases').map((item) => {
    const test = compileCase(item, context);
    const options = buildOptions(item, context);
    const reservation = { ...client, ...bootFields(item, context.issues), ...broadcastOf(item), options };
    return test === undefined ? { reservation } : { test, reservation };
  });
  return cases.length === 0 ? base : { ...base, cases };
}

function buildAliases(extension: Section, { issues }: BuildContext): ClientKey[] {
  return extension.sections('identifiers').flatMap((item) => {
    const [identifierType, other] = IDENTIFIER_TYPES.filter((type) => item.mentions(type));
    const text = identifierType && item.string(identifierType);
    const identifier = text === undefined ? undefined : parseOctets(text);
    if (identifierType !== undefined && identifier !== undefined && other === undefined) {
      return [{ identifierType, identifier }];
    }
    issues.error(
      'config-range',
      item.position,
      `one of ${IDENTIFIER_TYPES.join(', ')}, in hexadecimal digits, is wanted`,
    );
    return [];
  });
}

function compileCase(item: Section, { issues, registry }: BuildContext): CompiledExpression<boolean> | undefined {
  const text = item.string('test') ?? '';
  if (text === '') return undefined;
  try {
    return compileBooleanExpression(text, { registry, isDefined: isBuiltInClass });
  } catch (error) {
    if (!(error instanceof ExpressionSyntaxError)) throw error;
    issues.error(
      'config-range',
      item.positionOf('test'),
      `expression ${text}: column ${error.column}: ${error.message}`,
    );
    return undefined;
  }
}
