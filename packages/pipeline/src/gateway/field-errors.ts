import { Compile, EVENT_KINDS, type Compiled, type EventKind, type FieldError } from '@flowguard/contract'

const ERRORS_COUNT_MAX = 20
const SHOWN_CHARS_MAX = 200
/** How TypeBox spells the format. */
const UUID_START = '[0-9a-fA-F]{8}-'

/** Compiled once: a check costs well under a microsecond, its errors are worked out only where it failed. */
export const CHECKS: Readonly<Record<EventKind, Compiled<unknown>>> = {
  order: Compile(EVENT_KINDS.order.input),
  click: Compile(EVENT_KINDS.click.input),
  general: Compile(EVENT_KINDS.general.input),
}

/** What is wrong with a value that failed its check: one entry a field, in words. */
export function fieldErrors(kind: EventKind, value: unknown): FieldError[] {
  const fields = new Map<string, string>()
  for (const error of CHECKS[kind].Errors(value)) {
    const { keyword, instancePath, params } = error
    if (keyword === 'required') {
      for (const name of params.requiredProperties ?? []) fields.set(`${instancePath}/${name}`, 'is required')
    } else if (keyword === 'anyOf' || keyword === 'enum') {
      fields.set(instancePath, `must be ${described(kind, instancePath)}`)
    } else if (keyword === 'pattern' && String(params.pattern).includes(UUID_START)) {
      fields.set(instancePath, 'must be a UUID')
    } else if (!fields.has(instancePath)) {
      fields.set(instancePath, error.message)
    }
  }
  return [...fields].slice(0, ERRORS_COUNT_MAX).map(([field, message]) => ({ field: field.slice(0, SHOWN_CHARS_MAX), message }))
}

/** A union says in its description what it takes; without one, there is nothing better to say than that this is none of it. */
function described(kind: EventKind, pointer: string): string {
  const properties = EVENT_KINDS[kind].input.properties as Record<string, { description?: string } | undefined>
  const name = pointer.slice(1)
  const text = Object.hasOwn(properties, name) ? properties[name]?.description : undefined
  return text ?? 'of a kind that is taken here'
}
