import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ATTRIBUTED } from '@flowguard/contract'
import { silentLogger } from '../../kernel/logging.ts'
import type { Place } from '../../log/event-log.ts'
import { flinkProgress, type JobProgress } from './progress.ts'

const at = (next: number, partition = 0): Place => ({ topic: ATTRIBUTED, partition, next })

/** A world that a test moves on by hand; its job has run for long. */
async function stage() {
  const world = {
    job: { run: 'a', watermark: null, now: 0, checkpointed: null } as JobProgress | undefined,
    written: [at(0, 0), at(0, 1)],
    imported: [0, 0],
    asked: 0,
    clock: 0,
  }
  const progress = flinkProgress({
    progress: async () => world.job,
    written: async () => ((world.asked += 1), world.written),
    importedTo: ({ partition }) => world.imported[partition] as number,
    clock: () => world.clock,
    logger: silentLogger,
  })
  await progress.look()
  world.clock = 60_000
  return { world, settled: progress.settled, look: progress.look }
}

test('a watermark is settled once a checkpoint has begun behind it and is complete, and all that was written by then is imported', async () => {
  const { world, settled, look } = await stage()
  world.job = { run: 'a', watermark: 1_000, now: 50, checkpointed: 40 }
  await look()
  world.imported = [9, 9]
  await look()
  assert.deepEqual([settled(), world.asked], [0, 0])
  world.written = [at(10, 0), at(9, 1)]
  world.job = { run: 'a', watermark: 1_000, now: 60, checkpointed: 51 }
  await look()
  assert.deepEqual([settled(), world.asked], [0, 1])
  // What is written from now on belongs to later watermarks.
  world.written = [at(99, 0), at(99, 1)]
  world.imported = [10, 9]
  await look()
  assert.equal(settled(), 1_000)
})

test('of watermarks that wait, the highest that a checkpoint has begun behind counts, and the others go on waiting', async () => {
  const { world, settled, look } = await stage()
  for (const n of [1, 2, 3, 4]) {
    world.job = { run: 'a', watermark: n, now: n * 10, checkpointed: null }
    await look()
  }
  world.job = { run: 'a', watermark: 4, now: 50, checkpointed: 35 }
  await look()
  assert.equal(settled(), 3)
  world.job = { run: 'a', watermark: 4, now: 60, checkpointed: 41 }
  await look()
  assert.equal(settled(), 4)
})

test('what was seen before a restart counts no more, nor what is said of tasks that are no more', async () => {
  const { world, settled, look } = await stage()
  world.job = { run: 'a', watermark: 7, now: 10, checkpointed: 5 }
  await look()
  world.job = { run: 'b', watermark: 7, now: 20, checkpointed: 15 }
  await look()
  world.job = { run: 'b', watermark: 7, now: 40, checkpointed: 30 }
  await look()
  assert.equal(settled(), 0)
  world.clock += 60_000
  await look()
  world.job = { run: 'b', watermark: 7, now: 60, checkpointed: 50 }
  await look()
  assert.equal(settled(), 7)
})

test('while no job runs nothing is settled, and what was stays', async () => {
  const { world, settled, look } = await stage()
  world.job = { run: 'a', watermark: 3, now: 10, checkpointed: 5 }
  await look()
  world.job = { run: 'a', watermark: 3, now: 20, checkpointed: 15 }
  await look()
  world.job = undefined
  await look()
  assert.equal(settled(), 3)
})
