import { readFileSync } from 'node:fs'
import { GENERAL_TYPES, toPaise, toRupees, type Food, type Order } from '@flowguard/contract'
import { Command, InvalidArgumentError, Option } from 'commander'
import { hasCode } from '../kernel/errors.ts'
import { pause } from '../kernel/lifecycle.ts'
import { traceEvent, type Trace } from '../ops/trace.ts'
import { action, EXIT, example, wholeNumber, type Cli, type Context, type ExitCode } from './cli.ts'
import { requestOk } from './http.ts'
import { withStores } from './look.ts'
import type { SimulatedAd } from './simulate-people.ts'
import { printTrace } from './trace.ts'

const POLL_MS = 250
/** What is decided at the watermark is decided some ten seconds after it happened. */
const WAIT_SECONDS = 15
const WAIT_SECONDS_MAX = 3_600
const USER = '1001'
const AMOUNT_RUPEES = 249

interface Flags {
  user: string
  id?: string
  wait: number
  item?: number
  ad?: string
  type?: string
  price?: number
  quantity?: number
  order?: string
}

/** `send`: one test event, and what became of it. */
export function sendCommand(cli: Cli): Command {
  const send = new Command('send')
    .description('one test event, and what became of it')
    .usage('<command> [options]')
    .addHelpText('after', example('send click', 'send order --wait 15', 'send event --type purchase'))
  send.addCommand(
    subCommand(cli, 'order', 'an order placed, or its new status', sendOrder)
      .option('--item <id>', 'the dish (default: that of the first ad)', wholeNumber(1))
      .option('--price <rupees>', 'as sent; from the catalogue where it is missing', rupees)
      .option('--quantity <n>', 'how many', wholeNumber(1))
      .addOption(new Option('--type <type>', 'what happened to the order').choices(['placed', 'confirmed', 'cancelled', 'delivered']))
      .option('--order <id>', 'for a status: the order’s id')
      .addHelpText(
        'after',
        example('send order', 'send order --item 4 --user 1001 --wait 15', 'send order --type cancelled --order ORDER_ID --item 4'),
      ),
  )
  send.addCommand(
    subCommand(cli, 'click', 'a click on an ad, or its showing', sendClick)
      .option('--ad <id>', 'the ad (default: the first one, or that of the item)')
      .option('--item <id>', 'the dish (default: the ad’s)', wholeNumber(1))
      .addOption(new Option('--type <type>', 'clicked, or shown').choices(['click', 'impression']))
      .addHelpText('after', example('send click', 'send click --ad food_4 --user 1001', 'send click --type impression')),
  )
  send.addCommand(
    subCommand(cli, 'event', 'a general event', sendGeneral)
      .addOption(new Option('--type <type>', 'what happened').choices([...GENERAL_TYPES]))
      .option('--price <rupees>', 'amount of a purchase', rupees)
      .addHelpText('after', example('send event', 'send event --type purchase --price 499')),
  )
  return send
}

function subCommand(cli: Cli, name: string, about: string, work: (context: Context, flags: Flags) => Promise<ExitCode>): Command {
  return new Command(name)
    .description(about)
    .option('--user <id>', 'whose it is', USER)
    .option('--id <event_id>', 'its event id; made by the gateway where it is missing')
    .option('--wait <seconds>', 'how long to wait for the readers', wholeNumber(0, WAIT_SECONDS_MAX), WAIT_SECONDS)
    .action(action<Flags, []>(cli, work))
}

function rupees(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0) || toRupees(toPaise(value)) !== value)
    throw new InvalidArgumentError('It must be an amount in rupees, with at most 2 decimals.')
  return value
}

async function sendOrder(context: Context, flags: Flags): Promise<ExitCode> {
  const { item = adsOf(context)[0]?.item_id ?? 1, price, quantity, type, order } = flags
  const event = { ...common(flags), item_id: item, price, quantity, order_type: type, order_id: order }
  const answer = (await post(context, '/api/v1/orders', event)) as { order_id: string; event_id: string }
  const { settings } = context
  const stored = (await requestOk(`${settings.GATEWAY_URL}/api/v1/orders/${answer.order_id}`, { key: settings.WRITE_KEY })) as Order
  return report(context, flags, { answer, stored })
}

async function sendClick(context: Context, flags: Flags): Promise<ExitCode> {
  const ads = adsOf(context)
  const { item, type = 'click' } = flags
  const ad = ads.find((each) => item === undefined || each.item_id === item)
  const adId = flags.ad ?? ad?.ad_id ?? `food_${item ?? foodsOf(context)[0]?.food_id ?? 1}`
  const campaign = ads.find((each) => each.ad_id === adId)?.campaign_id
  const event = { ...common(flags), ad_id: adId, item_id: item, is_click: type === 'click', ad_type: 'banner', ad_campaign_id: campaign }
  const answer = (await post(context, type === 'click' ? '/api/v1/clicks' : '/api/v1/clicks/impression', event)) as { event_id: string }
  return report(context, flags, { answer })
}

async function sendGeneral(context: Context, flags: Flags): Promise<ExitCode> {
  const { type = 'page_view', price = AMOUNT_RUPEES } = flags
  const properties = type === 'purchase' ? { amount: price } : { page: '/menu' }
  const answer = (await post(context, '/events', { ...common(flags), event_type: type, properties })) as { event_id: string }
  return report(context, flags, { answer })
}

function common({ user, id }: Flags) {
  return { user_id: /^[1-9]\d{0,14}$/.test(user) ? Number(user) : user, ...(id === undefined ? {} : { event_id: id }) }
}

function post({ settings }: Context, route: string, event: object): Promise<unknown> {
  return requestOk(`${settings.GATEWAY_URL}${route}`, { method: 'POST', body: JSON.stringify(event), key: settings.WRITE_KEY })
}

/** Shows the answer, then the event's way so far, as far as this machine's data folder knows it. */
async function report(
  context: Context,
  { wait }: Flags,
  { answer, stored }: { answer: { event_id: string }; stored?: Order },
): Promise<ExitCode> {
  const { out } = context
  const c = out.colors
  if (!out.isJson) {
    out.line(`${c.green('accepted')}  ${JSON.stringify(answer)}`)
    if (stored)
      out.line(
        `${c.green('stored')}    ${stored.item_name ?? `item ${stored.item_id}`} × ${stored.quantity} at ₹${stored.price}, ${stored.status}`,
      )
  }
  const trace = await settledTrace(context, answer.event_id, wait * 1_000)
  if (out.isJson) out.json({ answer, ...(stored && { order: stored }), trace: trace ?? null })
  else if (trace) printTrace(out, trace)
  else out.note(`The stores in ${context.settings.DATA_DIR} do not hold it: the gateway keeps its data elsewhere.`)
  if (trace && isOpen(trace)) out.note(`That goes on: npx flowguard trace ${answer.event_id}`)
  return EXIT.done
}

/** The trace once nothing in it is still to come, or as it is when the time is up. */
async function settledTrace(context: Context, id: string, waitMs: number): Promise<Trace | undefined> {
  const { clock, signal } = context.io
  const until = clock() + waitMs
  for (;;) {
    const trace = await lookFor(context, id)
    const isSettled = trace && !isOpen(trace)
    if (isSettled || clock() >= until || signal.aborted) return trace
    await pause(POLL_MS, signal)
  }
}

async function lookFor(context: Context, id: string): Promise<Trace | undefined> {
  try {
    const trace = await withStores(context, (stores) => traceEvent(stores, id))
    return trace.found ? trace : undefined
  } catch (error) {
    if (hasCode(error, 'store_missing')) return undefined
    throw error
  }
}

/** Whether the trace says that something has yet to happen. That it is loaded nobody waits for: it may take minutes. */
function isOpen({ steps, outcome }: Trace): boolean {
  const awaited = steps.filter(({ part }) => part !== 'loader')
  return [...awaited.map(({ what }) => what), ...outcome].some((text) => /\byet\b|^pending|^waiting/.test(text))
}

function adsOf({ settings }: Context): readonly SimulatedAd[] {
  return listIn<SimulatedAd>(settings.ADS_FILE)
}

function foodsOf({ settings }: Context): readonly Food[] {
  return listIn<Food>(settings.FOODS_FILE)
}

/** What a test event is about by default: where the file cannot be read, the gateway has its own opinion. */
function listIn<T>(file: string): readonly T[] {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T[]
  } catch {
    return []
  }
}
