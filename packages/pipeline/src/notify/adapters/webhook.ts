import { createHmac } from 'node:crypto'
import { SECOND_MS } from '@flowguard/contract'
import type { Clock } from '../../kernel/lifecycle.ts'
import type { Message } from '../message.ts'
import type { Sender } from '../sender.ts'
import { post } from './post.ts'

export interface WebhookOptions {
  url: string
  /** `whsec_` and base64, or any text. */
  secret: string
  isPrivateAllowed: boolean
  clock: Clock
  msMax?: number
  ca?: string
}

/**
 * Any receiver, by what Standard Webhooks lays down (so that a library checks it there): the id by which repeats are seen, the time, and an HMAC-SHA256 over both and
 * the body.
 */
export function webhookSender({ secret, clock, ...to }: WebhookOptions): Sender {
  return {
    send(message, signal) {
      const body = bodyOf(message)
      const seconds = Math.floor(clock() / SECOND_MS)
      const headers = {
        'webhook-id': message.id,
        'webhook-timestamp': String(seconds),
        'webhook-signature': `v1,${signatureOf(secret, message.id, seconds, body)}`,
        'idempotency-key': message.id,
      }
      return post({ ...to, headers, body }, signal)
    },
  }
}

/** Of `id.timestamp.body`, in base64. */
export function signatureOf(secret: string, id: string, seconds: number, body: string): string {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : secret
  return createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64')
}

function bodyOf({ id, alert, isResolved, heading, detail, facts, link }: Message): string {
  const said = { heading, detail, facts: facts.map(([name, value]) => ({ name, value })), link }
  return JSON.stringify({ id, type: isResolved ? 'alert.resolved' : 'alert.open', timestamp: alert.raised_at, ...said, alert })
}
