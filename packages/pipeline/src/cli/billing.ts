import { join } from 'node:path'
import { Command } from 'commander'
import { FlowGuardError } from '../kernel/errors.ts'
import { pause } from '../kernel/lifecycle.ts'
import { holderOf } from '../kernel/lock.ts'
import { FILES } from '../ops/stores.ts'
import { action, EXIT, example, type Cli, type Context, type ExitCode } from './cli.ts'
import { keyForOps, refused, request } from './http.ts'
import { count, duration } from './output.ts'

const FOLLOW_MS = 200
/** Without a word from whoever fills them. A ledger of a hundred million rows takes minutes. */
const WAIT_MS_MAX = 30 * 60_000

export function billingCommand(cli: Cli): Command {
  return new Command('billing')
    .description('the counters of billing')
    .addHelpText('after', example('billing rebuild'))
    .addCommand(
      new Command('rebuild')
        .description('fill the counters on Redis (COUNTERS_URL) anew from the ledger; events may go on meanwhile')
        .addHelpText('after', example('billing rebuild'))
        .action(action(cli, rebuild)),
    )
}

/** A FlowGuard that runs on the data folder does it, for it has the changes in hand; else this process. */
async function rebuild(context: Context): Promise<ExitCode> {
  const { out, settings } = context
  if (settings.COUNTERS_URL === 'sqlite:') {
    out.note('The counters are kept with the ledger (COUNTERS_URL is sqlite:), and always are its sums: there is nothing to fill.')
    return EXIT.misused
  }
  const startedAt = performance.now()
  const isRunning = holderOf(settings.DATA_DIR, 'ops') !== undefined
  const filled = isRunning ? await ask(context) : await fill(context)
  if (filled === undefined) return EXIT.interrupted
  if (out.isJson) out.json(filled)
  else {
    const what = filled.counters === undefined ? 'The counters' : `${count(filled.counters)} counters`
    out.line(`${what} were filled from the ledger (${duration(performance.now() - startedAt)}).`)
  }
  return EXIT.done
}

interface Done {
  epoch: string
  counters?: number
}

async function fill({ settings }: Context): Promise<Done> {
  const { fillNow } = await import('../wiring/counters.ts')
  const { epoch, counters } = (await fillNow(settings, join(settings.DATA_DIR, FILES.pipeline)))!
  return { epoch, counters }
}

async function ask({ settings, out, io }: Context): Promise<Done | undefined> {
  const url = `${settings.OPS_URL}/api/billing/rebuild`
  const key = keyForOps(settings)
  const asked = async (method: 'GET' | 'POST') => {
    const answer = await request(url, { key, method })
    if (answer.status > 299) throw refused(url, answer)
    return answer.body as { epoch: string | null }
  }
  let { epoch } = await asked('POST')
  const deadline = performance.now() + WAIT_MS_MAX
  while (epoch === null) {
    if (io.signal.aborted) {
      out.note('Interrupted: FlowGuard goes on filling them.')
      return undefined
    }
    if (performance.now() > deadline) throw new FlowGuardError('counters_unavailable', 'they are not filled yet; is billing running?')
    out.progress('  filling')
    await pause(FOLLOW_MS, io.signal)
    ;({ epoch } = await asked('GET'))
  }
  out.endProgress()
  return { epoch }
}
