interface Checker<T> {
  Check(value: unknown): value is T
  Errors(value: unknown): { instancePath: string; message: string }[]
}

/** The record's value as what the schema says, or what is wrong with it. */
export function parsedAs<T extends object>(schema: Checker<T>, value: string): T | { invalid: string } {
  try {
    const event: unknown = JSON.parse(value)
    if (schema.Check(event)) return event
    const fault = schema.Errors(event)[0]
    return { invalid: `${fault?.instancePath || '/'} ${fault?.message}` }
  } catch (error) {
    return { invalid: `not JSON: ${(error as Error).message}` }
  }
}
