import { authorization, keyWanted, operatorKey } from './key.ts'

/** What the API refused, or that it does not answer at all (status 0). */
export class ApiError extends Error {
  readonly status: number
  readonly fields: readonly { field: string; message: string }[]

  constructor(status: number, message: string, fields: ApiError['fields'] = []) {
    super(message)
    this.status = status
    this.fields = fields
  }
}

interface Asked {
  signal?: AbortSignal
  /** Sent as JSON by POST. */
  body?: object
  /** Statuses that carry an answer too. */
  alsoGood?: readonly number[]
}

/** The key that was already asked about: nobody is asked again for a look that repeats itself, but for an act, or once the key is another. */
let askedAbout: string | undefined

/** Asks the API. Throws `ApiError`; a 401 besides has the key asked for. */
export async function api<T>(path: string, { signal, body, alsoGood = [] }: Asked = {}): Promise<T> {
  let response: Response
  try {
    response = await fetch(path, {
      ...(signal && { signal }),
      headers: { accept: 'application/json', ...authorization(), ...(body && { 'content-type': 'application/json' }) },
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
    })
  } catch (error) {
    if (signal?.aborted) throw error
    throw new ApiError(0, 'The operations API does not answer. Is FlowGuard running?')
  }
  if (response.ok || alsoGood.includes(response.status)) return (await response.json()) as T
  throw await refusalOf(response, body !== undefined)
}

/** `isAct`: somebody pressed something for it. */
export async function refusalOf(response: Response, isAct: boolean): Promise<ApiError> {
  const problem = (await response.json().catch(() => ({}))) as { detail?: string; errors?: ApiError['fields'] }
  const detail = problem.detail ?? `The operations API answered ${response.status}.`
  if (response.status === 401 && (isAct || askedAbout !== operatorKey.get())) {
    askedAbout = operatorKey.get()
    keyWanted.set(detail)
  }
  return new ApiError(response.status, detail, problem.errors)
}
