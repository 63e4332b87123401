import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Ad } from '@flowguard/contract'
import { FlowGuardError } from '../kernel/errors.ts'
import { silentLogger } from '../kernel/logging.ts'
import { eventually } from '../reader/testing/fixture.ts'
import { adsInMemory } from './ads.ts'

const ad = (rate: number) => ({ adId: 'a', rate }) as unknown as Ad

test('ads that cannot be read again for a while are as they were, and are read once that works; what never will ends it', async () => {
  let reads = 0
  let answer: () => readonly Ad[] = () => [ad(1)]
  const { adOf, load, refresh } = adsInMemory(async () => ((reads += 1), answer()), { logger: silentLogger, refreshMs: 1 })
  await load()
  const running = refresh(new AbortController().signal)
  answer = () => {
    throw new FlowGuardError('database_unavailable', 'down')
  }
  const before = reads
  await Promise.race([eventually(() => reads >= before + 3, 'it was tried again'), running])
  assert.deepEqual(adOf('a'), ad(1))
  answer = () => [ad(2)]
  await Promise.race([eventually(() => JSON.stringify(adOf('a')) === JSON.stringify(ad(2)), 'it is read again'), running])
  const broken = new FlowGuardError('database_refused', 'no')
  answer = () => {
    throw broken
  }
  await assert.rejects(running, broken)
})
