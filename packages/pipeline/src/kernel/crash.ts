/**
 * Named steps at which a test kills or holds up the process. Off, and nearly free, unless asked for by environment:
 * `FLOWGUARD_CRASH=step:n` kills with SIGKILL at the nth passing; `FLOWGUARD_HOLD=step:ms` blocks for that long at each.
 */
const crash = parse(process.env['FLOWGUARD_CRASH'])
const hold = parse(process.env['FLOWGUARD_HOLD'])
let passings = 0

export const STEPS = [
  'log.before-commit',
  'log.after-commit',
  'gateway.before-answer',
  'orders.before-commit',
  'orders.after-commit',
  'relay.after-append',
  'relay.after-delete',
  'reader.after-fetch',
  'reader.after-effect',
  'reader.after-place',
  'reader.after-commit',
  'loader.before-commit',
  'loader.after-commit',
  'loader.after-mirror',
  'lake.after-file',
  'lake.before-manifest',
  'lake.after-manifest',
  'counters.before-apply',
  'counters.after-apply',
  'counters.before-finish',
  'counters.after-finish',
  'notify.after-send',
  'notes.before-apply',
  'notes.after-apply',
  'notes.before-finish',
  'notes.after-finish',
  'etl.after-table',
  'etl.before-commit',
  'etl.after-commit',
  'erase.after-list',
  'erase.after-tables',
  'erase.after-lake-file',
  'erase.after-lake-entry',
  'erase.after-warehouse',
] as const
export type Step = (typeof STEPS)[number]

export function step(name: Step): void {
  if (!crash && !hold) return
  if (hold?.name === name) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, hold.value)
  if (crash?.name !== name) return
  passings += 1
  if (passings === crash.value) process.kill(process.pid, 'SIGKILL')
}

function parse(text: string | undefined): { name: string; value: number } | undefined {
  const [name, value] = text?.split(':') ?? []
  return name && value ? { name, value: Number(value) } : undefined
}
