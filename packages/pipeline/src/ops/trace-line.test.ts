import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inWords, line } from './trace-line.ts'

test('a duration is said by its largest unit and the next, and never as 60 of one', () => {
  const said = [0, 250, 999, 1_000, 3_240, 59_940, 59_960, 60_000, 73_038, 119_600, 3_600_000, 7_500_000, 86_400_000, 100_000_000]
  assert.deepEqual(said.map(inWords), [
    '0 ms',
    '250 ms',
    '999 ms',
    '1 s',
    '3.2 s',
    '59.9 s',
    '1 min',
    '1 min',
    '1 min 13 s',
    '2 min',
    '1 h',
    '2 h 5 min',
    '1 d',
    '1 d 3 h',
  ])
})

test('a line has its durations in ms for programs and in words for people', () => {
  const { text, what } = line('done', (say) => `${say(73_038)} before it`)
  assert.deepEqual([text, what], ['73038 ms before it', '1 min 13 s before it'])
})
