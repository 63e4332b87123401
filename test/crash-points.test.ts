import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { STEPS, type Step } from '../packages/pipeline/src/kernel/crash.ts'
import { mulberry32 } from '../packages/pipeline/src/cli/prng.ts'
import { answersOf, assertBalanced, assertLoaded, expectedAnswers, SMALL_BATCHES } from './support/answers.ts'
import { madeUpEvents, writeAds, writeEvents } from './support/files.ts'
import { startMachine, type ProcessName } from './support/machine.ts'

const IS_SOAK = process.env['FLOWGUARD_SOAK'] !== undefined
/** Sixteen batches, so that each step is passed as often as the last of the passings, or six. */
const EVENTS = IS_SOAK ? 8_000 : 3_000
const events = madeUpEvents(EVENTS, mulberry32(7))
const expected = expectedAnswers(events)

const processOf = (step: Step): ProcessName => (/^(reader|loader)\./.test(step) ? 'pipeline' : 'edge')

/** At which passing of a step to kill: early, and once things are under way. */
const PASSINGS = IS_SOAK ? [1, 2, 3, 5, 8] : [2]

/** Those of a run over silver and gold: test/etl-kills.test.ts. */
const steps = STEPS.filter((step) => !step.startsWith('etl.'))

for (const step of steps) {
  for (const passing of PASSINGS) {
    test(`killed at passing ${passing} of ${step}: no event lost, none counted twice`, async (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'flowguard-crash-'))
      t.after(() => rmSync(folder, { recursive: true, force: true }))
      await using machine = await startMachine({ idle: true, env: { ADS_FILE: writeAds(folder, events), ...SMALL_BATCHES } })
      const victim = processOf(step)
      await Promise.all([
        machine.start(victim, { FLOWGUARD_CRASH: `${step}:${passing}` }),
        machine.start(victim === 'edge' ? 'pipeline' : 'edge'),
      ])
      let wasKilled = false
      const revived = machine.died(victim).then(async () => {
        wasKilled = true
        await machine.start(victim)
      })
      const replay = await machine.cli('replay', writeEvents(folder, 'events.ndjson', events), '--speed', 'max', '--drain')
      assert.equal(replay.code, 0, replay.stderr)
      assert.ok(wasKilled, 'the step was never passed')
      await revived
      assert.deepEqual(await answersOf(machine.dataDir), expected)
      assertBalanced(machine.dataDir)
      await assertLoaded(machine)
    })
  }
}
