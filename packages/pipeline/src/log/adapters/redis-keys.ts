import type { Topic } from '@flowguard/contract'
import { type Redis, scriptOf } from '../../kernel/redis.ts'

/** The names of what a log is made of. */
export function logKeys(prefix: string) {
  return {
    /** Made once: a log that was emptied or replaced has another, and whoever knew the old one stops. */
    id: `${prefix}log:id`,
    /** A hash: by `fieldOf`, the offset of the next record, and when the last one was appended. */
    ends: `${prefix}log:ends`,
    stream: (topic: Topic, partition: number) => `${prefix}log:${topic}:${partition}`,
  }
}

export type LogKeys = ReturnType<typeof logKeys>

export const fieldOf = (topic: Topic, partition: number) => `${topic}:${partition}`

/** Redis takes no entry 0-0, so the record at offset n is entry (n + 1)-0. */
export const entryOf = (offset: number) => `${offset + 1}-0`

/** Of an entry that is ours; undefined of any other. */
export function offsetOf(entry: Buffer): number | undefined {
  const match = /^([1-9]\d*)-0$/.exec(entry.toString('latin1'))
  return match ? Number(match[1]) - 1 : undefined
}

/** Of the hash of ends. */
export function endIn(value: Buffer | null | undefined): number {
  return value ? Number(value.toString('latin1').split(' ')[0]) : 0
}

export type Entry = [id: Buffer, fields: Buffer[]]

/** The first entry of each stream, of which one is enough to know where it starts. */
export async function firstEntries(redis: Redis, streams: readonly string[]): Promise<(Entry | undefined)[]> {
  const answers = await Promise.all(streams.map((stream) => redis.callBuffer('XRANGE', stream, '-', '+', 'COUNT', '1')))
  return answers.map((answer) => (answer as Entry[])[0])
}

/**
 * KEYS: id, ends, the streams. ARGV: the log's id, the time, the field of each stream, then for each record its stream's number, key, value, headers.
 * Everything is looked at before anything is written: an error in the middle would leave half of it.
 */
export const APPEND = scriptOf(`
local id = redis.call('GET', KEYS[1])
if id ~= ARGV[1] then return redis.error_reply('REPLACED the log is ' .. (id or 'gone') .. ', and was ' .. ARGV[1]) end
local streams = #KEYS - 2
local nexts, firsts, times = {}, {}, {}
for at = 1, streams do
  local stream = KEYS[at + 2]
  local next, time = 0, tonumber(ARGV[2])
  local known = redis.call('HGET', KEYS[2], ARGV[at + 2])
  if known then
    local known_next, known_time = string.match(known, '^(%d+) (%d+)$')
    next = tonumber(known_next)
    -- Never back, whatever the clock does: retention looks for the first that is young enough.
    time = math.max(time, tonumber(known_time))
  end
  local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', '1')[1]
  local found = last and last[1] or '0-0'
  local wanted = string.format('%.0f-0', next)
  if found ~= wanted then
    return redis.error_reply('CORRUPT ' .. stream .. ' ends with entry ' .. found .. ', and should with ' .. wanted)
  end
  nexts[at], firsts[at], times[at] = next, next, string.format('%.0f', time)
end
for at = streams + 3, #ARGV, 4 do
  local stream = tonumber(ARGV[at])
  nexts[stream] = nexts[stream] + 1
  redis.call('XADD', KEYS[stream + 2], string.format('%.0f-0', nexts[stream]),
    'k', ARGV[at + 1], 'v', ARGV[at + 2], 'h', ARGV[at + 3], 't', times[stream])
end
for at = 1, streams do
  redis.call('HSET', KEYS[2], ARGV[at + 2], string.format('%.0f', nexts[at]) .. ' ' .. times[at])
end
return firsts
`)

/** KEYS: id, stream. ARGV: the log's id, the first entry that stays. Of a log that was replaced meanwhile nobody has read anything. */
export const TRIM = scriptOf(`
local id = redis.call('GET', KEYS[1])
if id ~= ARGV[1] then return redis.error_reply('REPLACED the log is ' .. (id or 'gone') .. ', and was ' .. ARGV[1]) end
return redis.call('XTRIM', KEYS[2], 'MINID', '=', ARGV[2])
`)
