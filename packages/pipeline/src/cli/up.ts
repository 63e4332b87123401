import { join } from 'node:path'
import { Command, Option } from 'commander'
import { ROOT, type Settings } from '../kernel/config.ts'
import { pause, runAll, type Part } from '../kernel/lifecycle.ts'
import { OPERATOR_KEY_FILE } from '../kernel/operator-key.ts'
import { lockFolder } from '../kernel/lock.ts'
import { createLogger } from '../kernel/logging.ts'
import type { Summary } from '../ops/summary.ts'
import { NODE_FLAGS, PROCESSES } from '../roles.ts'
import { flinkSettings } from '../wiring/flink.ts'
import { apps } from './apps.ts'
import { action, EXIT, example, positiveNumber, type Cli, type Context, type ExitCode } from './cli.ts'
import { count, counted, pairs } from './output.ts'
import { assertPortsFree } from './ports.ts'
import { supervise } from './supervisor.ts'

const LINE_EVERY_MS = 1_000
/** Off a terminal each line stays: in a journal, say. */
const PLAIN_LINE_EVERY_MS = 60_000

/** `up`: everything on this machine. */
export function upCommand(cli: Cli): Command {
  return new Command('up')
    .description('run everything on this machine')
    .addOption(new Option('--simulate <rate>', 'simulated customers, about so many events a second').argParser(positiveNumber))
    .option('--no-store', 'leave the shop out, and build no pages')
    .addHelpText('after', example('up', 'up --simulate 5', 'up --data-dir /tmp/try'))
    .action(action(cli, (context, flags: Flags) => up(context, flags)))
}

interface Flags {
  simulate?: number
  store: boolean
}

/** A start takes a few seconds where nothing is waited for. */
const NOT_READY_MS = 10_000
const notReady = ({ DATA_DIR }: Settings) =>
  'not ready yet: the machine is busy, or something waits for a store or an engine that does not answer, and goes on once it does.\n' +
  `  npx flowguard logs --level warn --data-dir ${DATA_DIR} names it, where there is one; npx flowguard doctor, with the same settings, says what is wrong with it`

async function up({ settings, io, out }: Context, flags: Flags): Promise<ExitCode> {
  const { simulate: rate, store: hasStore } = flags
  const startedAt = performance.now()
  if (settings.STREAM_ENGINE === 'flink') flinkSettings(settings)
  using _lock = lockFolder(settings.DATA_DIR)
  await assertPortsFree(settings, hasStore)
  const logger = createLogger('up', settings, 'fatal')
  const ready = Promise.withResolvers<void>()
  const { sources: _sources, ...values } = settings
  const children = Object.keys(PROCESSES).map((name) => ({
    name,
    entry: join(import.meta.dirname, '../main.ts'),
    args: ['run', name],
    flags: NODE_FLAGS,
    isVital: name === 'edge',
    env: { ...io.env, ...values },
  }))
  const parts: Part[] = [
    supervise(children, {
      logger,
      onReady: ready.resolve,
      onRestart: (name, restarts) =>
        out.note(out.noteColors.yellow(`${name} died and is started again (${restarts}); see npx flowguard logs`)),
      onGivenUp: (name, how) => out.note(out.noteColors.red(givenUp(name, how, settings))),
    }),
    async (signal) => {
      const slow = setTimeout(() => out.note(notReady(settings)), NOT_READY_MS)
      await Promise.race([ready.promise, new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))])
      clearTimeout(slow)
      if (signal.aborted) return
      greet(settings, out, performance.now() - startedAt, flags)
      const more = [
        ...(hasStore ? [apps({ folder: join(ROOT, 'apps'), settings, out, env: io.env, logger })] : []),
        ...(rate === undefined ? [] : [customers(settings, rate)]),
      ]
      await runAll([liveLine(settings, out), ...more], signal)
    },
  ]
  await runAll(parts, io.signal)
  out.endProgress()
  out.note('stopped; everything accepted is kept')
  return EXIT.done
}

function givenUp(name: string, how: string, { DATA_DIR }: Settings): string {
  return (
    `${name} ${how}, and is not started again. Events are still taken, and wait in the log: nothing is lost.\n` +
    `  See why with npx flowguard logs, mend it, then stop and start npx flowguard up, or go on beside it with: npx flowguard run ${name} --data-dir ${DATA_DIR}`
  )
}

function greet(settings: Settings, out: Context['out'], tookMs: number, { simulate: rate, store: hasStore }: Flags) {
  const c = out.noteColors
  const at = (port: string) => `http://${settings.HOST}:${port}`
  out.note(`\n  ${c.bold('FlowGuard')} is running ${c.dim(`(ready in ${(tookMs / 1000).toFixed(1)} s)`)}\n`)
  out.note(
    indent(
      pairs(
        [
          ['gateway', `${c.cyan(at(settings.GATEWAY_PORT))}   events in; try /docs`],
          ['catalogue', `${c.cyan(at(settings.CATALOG_PORT))}   the dishes; try /api/foods`],
          ['console', `${c.cyan(at(settings.OPS_PORT))}   the pipeline, live; reading is open`],
          ['its key', `${join(settings.DATA_DIR, OPERATOR_KEY_FILE)}   for what changes something; the commands here have it`],
          ...(hasStore ? [['store', `${c.cyan(at(settings.STORE_PORT))}   the shop, as soon as it is built`] as const] : []),
          ['data', settings.DATA_DIR],
          ...(rate === undefined ? [] : [['customers', `simulated, about ${rate} events a second over the day, more at meals`] as const]),
        ],
        c,
      ),
    ),
  )
  // Whoever looks elsewhere finds nothing.
  const isOwn = Object.values(settings.sources).every((source) => source === 'default' || source === '.env')
  out.note(`\n  ${c.bold('Try next')}, in another terminal${isOwn ? '' : ', with the same settings'}`)
  const tries = [
    ['npx flowguard monitor', 'events as they pass'],
    ['npx flowguard send order', 'one order, and what became of it'],
    ['npx flowguard trace EVENT_ID', "one event's whole way"],
    ['npx flowguard audit', 'the books, to the event'],
  ] as const
  out.note(tries.map(([command, what]) => `    ${c.green(command.padEnd(30))} ${what}`).join('\n'))
  out.note(`\n  ${c.dim('Ctrl-C stops it.')}\n`)
}

/** What is going on, each second, from the stores themselves: the operations API may want a key. */
function liveLine(settings: Settings, out: Context['out']): Part {
  return async (signal) => {
    const [{ openStores, placesOf }, { summary }, { rateMeter }] = await Promise.all([
      import('../stores.ts'),
      import('../ops/summary.ts'),
      import('../ops/rate-meter.ts'),
    ])
    await using stores = openStores({ ...placesOf(settings), clock: Date.now })
    const rate = rateMeter()
    while (!signal.aborted) {
      const now = await summaryOf(() => summary(stores))
      if (now) {
        const perSecond = rate(now.events_total, performance.now()) ?? 0
        const { amount } = now.charged
        out.progress(
          `  ${perSecond.toFixed(1)} events/s · ${counted(now.events_total, 'event')} · ${counted(now.orders, 'order')} · ${count(now.attributed)} attributed` +
            ` · ₹${amount.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })} charged · lag ${count(now.lag)}` +
            (now.dead > 0 ? ` · ${count(now.dead)} dead` : ''),
          PLAIN_LINE_EVERY_MS,
        )
      }
      await pause(LINE_EVERY_MS, signal)
    }
  }
}

async function summaryOf(look: () => Promise<Summary>): Promise<Summary | undefined> {
  try {
    return await look()
  } catch {
    // The pipeline is being started again; the next second asks anew.
    return undefined
  }
}

const customers =
  (settings: Settings, rate: number): Part =>
  async (signal) => {
    const { simulate } = await import('./simulate.ts')
    await simulate({ settings, rate, signal })
  }

function indent(text: string): string {
  return text.replace(/^/gm, '    ')
}
