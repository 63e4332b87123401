import type { Topic } from '@flowguard/contract'
import { Command } from 'commander'
import { check, contents, type LakeContents } from '../lake/contents.ts'
import { openLake, type OpenLake } from '../wiring/lake.ts'
import { action, EXIT, example, needsFolder, type Cli, type Context, type ExitCode } from './cli.ts'
import { bytes, count, counted, table } from './output.ts'

export function lakeCommand(cli: Cli): Command {
  return new Command('lake')
    .description('the lake: what it holds, by topic and day')
    .argument('[topic]', 'only this one')
    .addHelpText('after', example('lake', 'lake raw.clicks.v1', 'lake check', 'replay lake --from 2026-01-01 --to 2026-01-31'))
    .action(action<object, [string | undefined]>(cli, (context, _options, topic) => show(context, topic)))
    .addCommand(checkCommand(cli))
}

function checkCommand(cli: Cli): Command {
  return new Command('check')
    .description('read all of it: every listed file is there as it was written, and every record once')
    .addHelpText('after', example('lake check'))
    .action(action(cli, runCheck))
}

/** Of the settings; what is not there is not the same as what is empty. */
function lakeOf({ settings }: Context): OpenLake {
  if (settings.LAKE_URL === 'file:') needsFolder(settings)
  return openLake(settings)
}

async function show(context: Context, topic: string | undefined): Promise<ExitCode> {
  const { out } = context
  await using lake = lakeOf(context)
  const all = await contents(lake.files)
  const shown = topic === undefined ? all.days : all.days.filter((each) => each.topic === topic)
  if (shown.length === 0 && topic !== undefined) {
    const topics = [...new Set(all.days.map((each) => each.topic))]
    out.note(`There is no topic ${topic} in the lake. There ${topics.length > 0 ? `are ${topics.join(', ')}` : 'is nothing yet'}.`)
    return EXIT.misused
  }
  if (out.isJson) out.json({ ...all, days: shown })
  else out.line(overview({ ...all, days: shown }, out.colors))
  return EXIT.done
}

function overview({ where, entries, files, rows, bytes: size, days }: LakeContents, c: Context['out']['colors']): string {
  const right = (title: string) => ({ title, align: 'right' as const })
  let last: Topic | undefined
  const lines = days.map((each) => {
    const name = each.topic === last ? '' : c.cyan(each.topic)
    last = each.topic
    return [name, each.day, count(each.files), count(each.rows), bytes(each.bytes)]
  })
  const text = table([{ title: 'topic' }, { title: 'day' }, right('files'), right('rows'), right('size')], lines, c)
  return `${text}\n\n${where}  ${counted(files, 'file')}, ${counted(rows, 'row')}, ${bytes(size)}, ${entries} manifest entries`
}

async function runCheck(context: Context): Promise<ExitCode> {
  const { out, io } = context
  await using lake = lakeOf(context)
  const { signal } = io
  const onEntry = (number: number) => out.progress(`${count(number)} manifest entries checked`)
  const found = await check({ ...lake, signal, onEntry })
  out.endProgress()
  if (signal.aborted) return EXIT.interrupted
  const { entries, files, rows, faults } = found
  const isWhole = faults.length === 0
  if (out.isJson) out.json({ where: lake.files.where, ...found, ok: isWhole })
  else {
    const c = out.colors
    for (const fault of faults) out.line(c.red(fault))
    const verdict = isWhole ? c.green('whole') : c.red(counted(faults.length, 'fault'))
    out.line(`${verdict}: ${counted(files, 'file')} of ${entries} manifest entries, ${counted(rows, 'row')} in ${lake.files.where}`)
  }
  return isWhole ? EXIT.done : EXIT.failed
}
