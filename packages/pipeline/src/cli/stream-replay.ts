import { Command, InvalidArgumentError, Option } from 'commander'
import { isoOf, parseTimestamp } from '@flowguard/contract'
import { FlowGuardError } from '../kernel/errors.ts'
import { inSnapshot } from '../ops/stores.ts'
import type { Differing } from '../stream/recompute.ts'
import { recomputed, type Recomputed } from '../wiring/recompute.ts'
import { action, EXIT, example, type Cli, type Context, type ExitCode } from './cli.ts'
import { withStores } from './look.ts'
import { count, counted, table } from './output.ts'

interface Options {
  from: number
  to: number
  source: 'log' | 'lake'
}

/** Differences that are shown where nothing is said; JSON has them all. */
const SHOWN = 20

export function streamReplayCommand(cli: Cli): Command {
  return new Command('replay')
    .description(
      'work a stretch of the past out once more, beside the live stream, and show what differs; changes nothing, exits 1 on a difference',
    )
    .requiredOption('--from <time>', 'event time, RFC 3339; it belongs to the stretch', instant)
    .requiredOption('--to <time>', 'event time, RFC 3339; it does not', instant)
    .addOption(
      new Option('--source <source>', 'where the events are read: the log, or, for what it no longer keeps, the lake')
        .choices(['log', 'lake'])
        .default('log'),
    )
    .addHelpText(
      'after',
      example(
        'stream replay --from 2026-01-31T12:00:00Z --to 2026-01-31T13:00:00Z',
        'stream replay --from 2026-01-01T00:00:00Z --to 2026-01-02T00:00:00Z --source lake',
      ),
    )
    .action(action<Options, []>(cli, replay))
}

function instant(text: string): number {
  const ts = parseTimestamp(text)
  if (ts === undefined) throw new InvalidArgumentError('It must be an RFC 3339 date and time, 2026-01-31T12:00:00Z.')
  return ts
}

async function replay(context: Context, { from, to, source }: Options): Promise<ExitCode> {
  const { out, io, settings } = context
  if (from >= to) throw new FlowGuardError('settings_invalid', `--from ${isoOf(from)} is not before --to ${isoOf(to)}`)
  const { signal } = io
  let isSame = false
  await withStores(context, (stores) =>
    inSnapshot(stores, (at) =>
      recomputed(
        {
          settings,
          at,
          stretch: { from, to },
          source,
          signal,
          onRecords: (records) => out.progress(`${count(records)} records worked off`),
        },
        async (found) => {
          out.endProgress()
          isSame = found.totals.every(({ differences }) => Object.values(differences).every((each) => each === 0))
          if (out.isJson) {
            const { stretch, records, totals } = found
            out.json({
              from: isoOf(stretch.from),
              to: isoOf(stretch.to),
              source,
              records,
              equal: isSame,
              topics: totals,
              differences: [...found.differing()],
            })
          } else show(context, found, isSame)
        },
      ),
    ),
  )
  if (signal.aborted) return EXIT.interrupted
  return isSame ? EXIT.done : EXIT.failed
}

function show({ out }: Context, { stretch, records, totals, differing }: Recomputed, isSame: boolean): void {
  const c = out.colors
  const right = (title: string) => ({ title, align: 'right' as const })
  const rows = totals.map(({ topic, live, recomputed: again, equal, differences: { missing, extra, changed } }) => [
    c.cyan(topic),
    ...[live, again, equal].map(count),
    ...[missing, extra, changed].map((each) => (each === 0 ? '0' : c.red(count(each)))),
  ])
  out.line(
    table(
      [{ title: 'topic' }, right('live'), right('recomputed'), right('equal'), right('missing'), right('extra'), right('changed')],
      rows,
      c,
    ),
  )
  let shown = 0
  for (const each of differing()) {
    if (shown === SHOWN) {
      out.line(c.dim('… --json lists all of them'))
      break
    }
    if (shown === 0) out.line()
    out.line(`${c.red(each.difference)} ${c.cyan(each.topic)} ${each.key}${each.difference === 'changed' ? `: ${changes(each)}` : ''}`)
    shown += 1
  }
  out.line()
  const where = `${isoOf(stretch.from)} to ${isoOf(stretch.to)}, from ${counted(records, 'record')}`
  out.line(isSame ? c.green(`The same, row by row: ${where}.`) : c.red(`Not the same: ${where}.`))
}

/** Field by field, as it is live and as it was worked out again. */
function changes({ live, recomputed: again }: Differing): string {
  const [before, after] = [live, again] as (Readonly<Record<string, unknown>> | null)[]
  if (!before || !after) return ''
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  return names
    .map((name) => ({ name, was: JSON.stringify(before[name]), is: JSON.stringify(after[name]) }))
    .filter(({ was, is }) => was !== is)
    .map(({ name, was, is }) => `${name} ${was} → ${is}`)
    .join(', ')
}
