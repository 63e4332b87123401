/** compose.yaml fits Compose's own schema. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { before, test } from 'node:test'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { parse } from 'yaml'
import { installComposeSchema } from './compose-schema.ts'

const text = readFileSync(join(resolve(import.meta.dirname, '..'), 'compose.yaml'), 'utf8')
const read = () => parse(text, { merge: true }) as { services: Record<string, Record<string, unknown>> }
let validate: ValidateFunction

before(async () => {
  const schema = JSON.parse(readFileSync(await installComposeSchema(), 'utf8')) as object
  // Its formats are Compose's own (`duration`, `ports`): what is a port or a duration is held by their patterns here, or not at all.
  validate = new Ajv2020({ strict: false, validateFormats: false, allErrors: true }).compile(schema)
})

test('compose.yaml fits the schema', () => {
  assert(validate(read()), JSON.stringify(validate.errors, null, 2))
})

for (const [fault, plant] of [
  ['an unknown field of a service', (file) => (file.services['redis'] = { ...file.services['redis'], comand: [] })],
  ['a command that is a number', (file) => (file.services['redis'] = { ...file.services['redis'], command: 7 })],
  ['an unknown condition to wait for', (file) => (file.services['gateway'] = { depends_on: { redis: { condition: 'service_ready' } } })],
] as const satisfies readonly (readonly [string, (file: ReturnType<typeof read>) => unknown])[]) {
  test(`the schema refuses ${fault}`, () => {
    const file = read()
    plant(file)
    assert(!validate(file), 'the fault passed')
  })
}
