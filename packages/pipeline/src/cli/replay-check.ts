import { readFileSync } from 'node:fs'
import { EVENT_BYTES_MAX, itemOfAdId, type Food } from '@flowguard/contract'
import { admitAny, isFault, type AdmissionDeps, type Arrival } from '../gateway/admission.ts'
import { parseJson } from '../http/body.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import { EXIT, type Context, type ExitCode } from './cli.ts'
import { count } from './output.ts'
import { batchesOf, type Retime } from './replay-batches.ts'
import { byCause, sayCauses } from './replay-report.ts'
import { causeOf, countRejected, noCounts } from './replay-send.ts'
import type { EventSource } from './replay-file.ts'

/** How many events are shown. */
const SHOWN_COUNT = 5
const LINE = { bytesMax: EVENT_BYTES_MAX, wrappers: 0 }

/** What would become of the events, told by the gateway's own checks: nothing is sent, and no gateway is needed. */
export async function dryRun(
  context: Context,
  sources: readonly EventSource[],
  { retime, isStrict }: { retime: Retime | null; isStrict: boolean },
): Promise<ExitCode> {
  const { io, out, settings } = context
  const deps = admissionOf(settings.FOODS_FILE)
  const arrival: Arrival = { receivedAt: io.clock(), traceparent: '' }
  const counts = noCounts()
  const shown: string[] = []
  let rows = 0

  function check(text: string, line: number) {
    if (shown.length < SHOWN_COUNT) shown.push(text)
    const parsed = parseJson(Buffer.from(text), LINE)
    const admission = 'value' in parsed ? admitAny(parsed.value, arrival, deps) : parsed
    if (isFault(admission)) countRejected(counts, line, causeOf(admission))
    else counts.accepted += 1
  }

  for (const source of sources) {
    const options = { sha256: source.sha256, afterLine: 0, retime, speed: Infinity, clock: io.clock, signal: io.signal }
    for await (const { body, lines, faults } of batchesOf(source.read(), options)) {
      const texts = body.split('\n')
      lines.forEach((line, at) => check(texts[at] ?? '', line))
      for (const { line, fault, detail } of faults) countRejected(counts, line, { cause: fault, detail })
      rows += lines.length + faults.length
      out.progress(`${source.name}  ${count(rows)} checked`)
      if (io.signal.aborted) return EXIT.interrupted
    }
    out.endProgress()
  }

  const { accepted, rejected } = counts
  if (out.isJson) {
    const first = shown.map((text) => JSON.parse(text) as unknown)
    out.json({ dry_run: true, events: rows, accepted, rejected, rejected_by_cause: byCause(counts), first })
  } else {
    const c = out.colors
    for (const text of shown) out.line(text)
    const refused = rejected > 0 ? c.red(`${count(rejected)} rejected`) : '0 rejected'
    out.line(`${c.bold(count(rows))} events, nothing sent: ${c.green(`${count(accepted)} would be accepted`)}, ${refused}`)
    sayCauses(out, counts, sources[0]?.unit ?? 'line')
  }
  return rejected > 0 && (isStrict || accepted === 0) ? EXIT.failed : EXIT.done
}

/** What the gateway fills in and looks up, so far as an event can be refused for it. */
function admissionOf(foodsFile: string): AdmissionDeps {
  const foods = new Map(foodsIn(foodsFile).map((food) => [food.food_id, food]))
  return {
    reference: { food: (itemId) => foods.get(itemId), itemOfAd: itemOfAdId },
    newId: () => '',
    isBot: () => false,
  }
}

function foodsIn(path: string): readonly Food[] {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as readonly Food[]
  } catch (error) {
    throw new FlowGuardError('file_invalid', `${path}: ${(error as Error).message}`, error)
  }
}
