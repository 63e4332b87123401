import type { AlertSeverity } from '@flowguard/contract'
import type { Message } from '../message.ts'
import type { Sender } from '../sender.ts'
import { post } from './post.ts'

interface SlackOptions {
  url: string
  isPrivateAllowed: boolean
  msMax?: number
  ca?: string
}

const SIGNS: Readonly<Record<AlertSeverity, string>> = { critical: '🔴', warning: '🟠', info: '🔵' }
const RESOLVED_SIGN = '🟢'
const HEADER_CHARS_MAX = 150
const FIELDS_MAX = 10
/** Slack refuses the whole message where one text is longer, counted as it is sent. */
const SECTION_CHARS_MAX = 3_000
const FIELD_CHARS_MAX = 2_000

/** An incoming webhook as Slack has them; others (Mattermost, Rocket.Chat) take the same body. It knows no ids: a repeat is a second message with the same `id` below. */
export function slackSender(to: SlackOptions): Sender {
  return {
    send: (message, signal) => post({ ...to, headers: { 'idempotency-key': message.id }, body: JSON.stringify(bodyOf(message)) }, signal),
  }
}

function bodyOf({ id, alert, isResolved, heading, detail, facts, link }: Message): object {
  const title = `${isResolved ? RESOLVED_SIGN : SIGNS[alert.severity]} ${heading}`
  const fields = facts.slice(0, FIELDS_MAX).map(([name, value]) => {
    const title = `*${name}*\n`
    return { type: 'mrkdwn', text: `${title}${escaped(value, FIELD_CHARS_MAX - title.length)}` }
  })
  return {
    text: `${escaped(title)}\n${escaped(detail)}\n<${link}|Open in the console>`,
    unfurl_links: false,
    blocks: [
      { type: 'header', text: { type: 'plain_text', text: title.slice(0, HEADER_CHARS_MAX).toWellFormed() } },
      ...(detail === '' ? [] : [{ type: 'section', text: { type: 'mrkdwn', text: escaped(detail, SECTION_CHARS_MAX) } }]),
      { type: 'section', fields },
      { type: 'section', text: { type: 'mrkdwn', text: `<${link}|Open in the console>` } },
      { type: 'context', elements: [{ type: 'mrkdwn', text: escaped(id) }] },
    ],
  }
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }

/** So that nobody is called by what an event's sender wrote (`<!channel>`). No longer than so much, and no escape is cut in two. */
function escaped(text: string, charsMax = Infinity): string {
  let all = ''
  for (const char of text) {
    const next = ESCAPES[char] ?? char
    if (all.length + next.length > charsMax - 1) return `${all}…`
    all += next
  }
  return all
}
