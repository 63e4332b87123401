import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shared } from './shared.ts'

test('what is asked while it is being worked out is worked out once, another thing apart, and anew after', async () => {
  const share = shared<number>()
  let worked = 0
  const work = async () => (worked += 1)
  assert.deepEqual(await Promise.all([share('a', work), share('a', work), share('b', work)]), [1, 1, 2])
  assert.equal(await share('a', work), 3)
})

test('what failed is told to all who asked, and tried again for the next', async () => {
  const share = shared<number>()
  const fail = () => Promise.reject(new Error('no'))
  const both = await Promise.allSettled([share('a', fail), share('a', async () => 1)])
  assert.deepEqual(
    both.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  assert.equal(await share('a', async () => 2), 2)
})
