import { GENERAL_TYPES, type GeneralType } from '@flowguard/contract'
import { Command, Option } from 'commander'
import { action, EXIT, example, positiveNumber, wholeNumber, type Cli, type Context, type ExitCode } from './cli.ts'
import { eventsClient } from './events-client.ts'
import { generalEvent } from './general-events.ts'
import { openLoop } from './open-loop.ts'
import { count, duration } from './output.ts'

const COUNT = 100
const CONNECTIONS = 16

interface Flags {
  count: number
  rate?: number
  type?: GeneralType
}

/** `produce`: EventFlow's producer. */
export function produceCommand(cli: Cli): Command {
  return new Command('produce')
    .description('general events, sent to POST /events one by one')
    .option('--count <n>', 'how many', wholeNumber(1), COUNT)
    .option('--rate <per second>', 'so many a second (default: as fast as they are taken)', positiveNumber)
    .addOption(new Option('--type <type>', 'only this kind').choices([...GENERAL_TYPES]))
    .addHelpText('after', example('produce --count 100', 'produce --count 1000 --rate 50 --type purchase'))
    .action(action<Flags, []>(cli, produce))
}

async function produce({ io, settings, out }: Context, flags: Flags): Promise<ExitCode> {
  using client = eventsClient(settings, CONNECTIONS)
  const answers = new Map<number | string, number>()
  const startedAt = performance.now()
  const loop = {
    count: flags.count,
    perSecond: flags.rate ?? Infinity,
    openMax: CONNECTIONS,
    signal: io.signal,
    now: () => performance.now(),
  }
  const sent = await openLoop(loop, async () => {
    const status = await client.post(generalEvent(flags.type, io.random, io.clock()))
    answers.set(status, (answers.get(status) ?? 0) + 1)
    out.progress(`${count(answers.get(202) ?? 0)} of ${count(flags.count)} accepted`)
  })
  out.endProgress()
  const accepted = answers.get(202) ?? 0
  answers.delete(202)
  const seconds = (performance.now() - startedAt) / 1_000
  const refused = Object.fromEntries(answers)
  if (out.isJson) out.json({ sent, accepted, refused, seconds })
  else {
    const c = out.colors
    out.line(`${c.green('accepted')}  ${count(accepted)} of ${count(sent)} in ${duration(seconds * 1_000)}`)
    for (const [status, times] of answers) out.line(`${c.red('refused')}   ${count(times)} with ${status}`)
  }
  if (io.signal.aborted) return EXIT.interrupted
  return accepted === flags.count ? EXIT.done : EXIT.failed
}
