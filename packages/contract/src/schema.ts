import type { Static, TSchema } from 'typebox'
import { Compile as compile, type Validator } from 'typebox/compile'

export { Type, type Static, type TObject, type TSchema } from 'typebox'

/** A schema that values are checked against. */
export interface Compiled<T> {
  Check(value: unknown): value is T
  /** Everything that is wrong; nothing where `Check` holds. */
  Errors(value: unknown): SchemaError[]
}

/** What is wrong with a value, in JSON Schema's terms. */
type SchemaError = ReturnType<Validator['Errors']>[number]

/** Whether values fit a schema. Compiled at the first use, since no process checks all kinds, and each would start later for it. */
export function Compile<S extends TSchema>(schema: S): Compiled<Static<S>> {
  let made: Validator | undefined
  const validator = () => (made ??= compile(schema))
  return {
    Check: (value): value is Static<S> => validator().Check(value),
    Errors: (value) => validator().Errors(value),
  }
}
