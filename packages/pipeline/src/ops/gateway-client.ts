import { Compile, Type, type DeadLetter } from '@flowguard/contract'
import { FlowGuardError } from '../kernel/errors.ts'
import type { Position } from '../log/event-log.ts'

const REQUEST_MS_MAX = 10_000
const checkPlace = Compile(Type.Object({ partition: Type.Integer(), offset: Type.Integer() }))

/** Has the gateway append a dead letter's bytes to its topic again; resolves to where they lie. Rejects with `unreachable`, or `refused` with what the gateway answered. */
export function resendTo(gatewayUrl: string, key: string): (letter: DeadLetter) => Promise<Pick<Position, 'partition' | 'offset'>> {
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
    const answer: unknown = await response.json()
    if (!checkPlace.Check(answer)) throw new FlowGuardError('refused', `${url} did not say where it appended them`)
    return answer
  }
}
