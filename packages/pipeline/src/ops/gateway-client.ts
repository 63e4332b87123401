import type { DeadLetter } from '@flowguard/contract'
import { FlowGuardError } from '../kernel/errors.ts'

const REQUEST_MS_MAX = 10_000

/** Has the gateway append a dead letter's bytes to its topic again. Rejects with `unreachable`, or `refused` with what the gateway answered. */
export function resendTo(gatewayUrl: string, key: string): (letter: DeadLetter) => Promise<void> {
  const url = `${gatewayUrl}/api/v1/dead/retry`
  return async ({ topic, key: recordKey, headers, value_base64 }) => {
    const body = JSON.stringify({ topic, key: recordKey, headers, value_base64 })
    let response: Response
    try {
      response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(key ? { authorization: `Bearer ${key}` } : {}) },
        body,
        signal: AbortSignal.timeout(REQUEST_MS_MAX),
      })
    } catch (error) {
      throw new FlowGuardError('unreachable', `${gatewayUrl} does not answer: ${(error as Error).message}`, error)
    }
    if (!response.ok) throw new FlowGuardError('refused', `${url} answered ${response.status}: ${(await response.text()).slice(0, 300)}`)
    await response.body?.cancel()
  }
}
