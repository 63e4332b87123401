import { join } from 'node:path'
import { ALERTS, type Alert } from '@flowguard/contract'
import { silentLogger } from '../../kernel/logging.ts'
import { openPipelineStore } from '../../pipeline-store.ts'
import { START, temporaryFolder, TOPICS } from '../../reader/testing/fixture.ts'
import { standingsIn } from '../../reader/places.ts'
import type { Part } from '../../kernel/lifecycle.ts'
import type { ChannelStore } from '../channel-reader.ts'
import { readerOf } from '../deliveries.ts'
import { messageOf } from '../message.ts'

export const alert = (id: string, more: Partial<Alert> & Record<string, unknown> = {}): Alert => ({
  alert_id: id,
  kind: 'anomaly',
  severity: 'warning',
  title: `Fewer clicks than usual (${id})`,
  detail: 'Of 1,000 ads shown 3 were clicked. Look whether the ads are shown where they can be seen.',
  raised_at: '2026-01-31T23:50:00.000Z',
  state: 'open',
  rule: 'ctr',
  subject: 'campaign spring',
  value: 0.003,
  expected: { low: 0.021, high: 0.034 },
  reason: 'of the last 4 weeks at this hour',
  ...more,
})

export const message = (id: string, more?: Parameters<typeof alert>[1]) =>
  messageOf(alert(id, more), { id: `log/alerts.v1-0-${id}`, consoleUrl: 'http://127.0.0.1:8080' })

/** A pipeline's store in a file, alerts that come into it, and readers of them that are stopped and begun again. */
export function alertMachine() {
  const folder = temporaryFolder()
  const path = join(folder.path, 'pipeline.db')
  const { db, derived } = openPipelineStore(path, TOPICS, () => START)
  const store: ChannelStore = { db, path, derived, clock: Date.now, logger: silentLogger, consoleUrl: 'http://127.0.0.1:8080' }
  const running: { stop: AbortController; ended: Promise<void> }[] = []
  return {
    store,
    raise: (...alerts: Alert[]) =>
      derived.append(
        ALERTS,
        alerts.map((each) => ({ key: each.alert_id, value: JSON.stringify(each), headers: {} })),
      ),
    begin(part: Part) {
      const stop = new AbortController()
      const one = { stop, ended: part(stop.signal) }
      one.ended.catch(() => undefined)
      running.push(one)
      return { ended: one.ended, stop: () => (stop.abort(), one.ended) }
    },
    place: (channel: string) => standingsIn(db).find(({ reader }) => reader === readerOf(channel)),
    async [Symbol.asyncDispose]() {
      for (const { stop } of running) stop.abort()
      await Promise.allSettled(running.map(({ ended }) => ended))
      db.close()
      folder[Symbol.dispose]()
    },
  }
}
