import { createHash } from 'node:crypto'
import { createTransport, type SMTPTransportOptions } from 'nodemailer'
import { textOf, type Message } from '../message.ts'
import { refused, Unavailable, type Sender } from '../sender.ts'

export interface SmtpOptions {
  host: string
  port: number
  from: string
  to: readonly string[]
  tls: 'starttls' | 'implicit' | 'off'
  login: { user: string; password: string } | undefined
  msMax?: number
  /** Of a test's own authority. */
  ca?: string
}

/** Of each step of the conversation. */
const STEP_MS_MAX = 10_000
const DOMAIN = 'alerts.flowguard'
/** From the first byte to the last. */
const SEND_MS_MAX = 30_000
const SAID_CHARS_MAX = 200

/** E-mail. The Message-ID is the same for a repeat, so that servers which drop repeats can; an alert's end answers its opening. */
export function smtpSender(options: SmtpOptions): Sender {
  const { from, to, msMax = SEND_MS_MAX } = options
  return {
    async send(message, signal) {
      const transport = createTransport(transportOf(options))
      const late = AbortSignal.timeout(msMax)
      try {
        const info = await transport.sendMail({ from, to: [...to], ...mailOf(message), signal: AbortSignal.any([signal, late]) })
        const without = info.rejected.length > 0 ? `; refused: ${info.rejected.join(', ')}` : ''
        return said(`${info.response}${without}`)
      } catch (error) {
        if (late.aborted) throw new Unavailable(`not sent within ${msMax} ms`, { cause: error })
        throw failureOf(error as SmtpError)
      } finally {
        transport.close()
      }
    },
  }
}

function transportOf({ host, port, tls, login, ca }: SmtpOptions): SMTPTransportOptions {
  return {
    host,
    port,
    secure: tls === 'implicit',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'off',
    ...(login && { auth: { user: login.user, pass: login.password } }),
    ...(ca !== undefined && { tls: { ca } }),
    connectionTimeout: STEP_MS_MAX,
    greetingTimeout: STEP_MS_MAX,
    socketTimeout: STEP_MS_MAX,
    disableFileAccess: true,
    disableUrlAccess: true,
  }
}

function mailOf(message: Message) {
  const { id, thread, heading, alert, isResolved } = message
  const opening = `<${digest(thread)}@${DOMAIN}>`
  return {
    subject: heading,
    text: textOf(message),
    html: htmlOf(message),
    messageId: `<${digest(id)}@${DOMAIN}>`,
    references: [opening],
    ...(isResolved && { inReplyTo: opening }),
    headers: { 'Auto-Submitted': 'auto-generated', 'X-FlowGuard-Alert': digest(alert.alert_id), 'X-FlowGuard-Id': id },
  }
}

const digest = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 32)

function htmlOf({ heading, detail, facts, link }: Message): string {
  const rows = facts.map(
    ([name, value]) => `<tr><th align="left" style="padding:2px 16px 2px 0">${html(name)}</th><td>${html(value)}</td></tr>`,
  )
  return [
    `<h2>${html(heading)}</h2>`,
    `<p style="white-space:pre-line">${html(detail)}</p>`,
    `<table>${rows.join('')}</table>`,
    `<p><a href="${html(link)}">Open in the console</a></p>`,
  ].join('\n')
}

const html = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

interface SmtpError extends Error {
  code?: string
  responseCode?: number
}

/** What is said to the message for good is final; to the login it is not: a password is mended, and nothing is lost by it. */
function failureOf(error: SmtpError): Error {
  const detail = said(error.message)
  const isFinal = (error.responseCode ?? 0) >= 500 && (error.code === 'EENVELOPE' || error.code === 'EMESSAGE')
  return isFinal ? refused(detail, error) : new Unavailable(detail, { cause: error })
}

const said = (text: string) => text.replaceAll(/\s+/g, ' ').slice(0, SAID_CHARS_MAX).toWellFormed()
