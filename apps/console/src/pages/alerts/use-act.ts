import { useState } from 'react'
import { api, type ApiError } from '../../api/client.ts'

export type Act = 'acknowledge' | 'resolve'

/** What an operator does with an alert: one thing at a time. `onDone` is told once it is done. */
export function useAct(onDone: () => void) {
  const [busy, setBusy] = useState<string>()
  const [error, setError] = useState<ApiError>()

  async function run(act: Act, id: string, note = '') {
    setBusy(id)
    setError(undefined)
    try {
      await api(`/api/alerts/${encodeURIComponent(id)}/${act}`, { body: note.trim() === '' ? {} : { note } })
      onDone()
    } catch (failure) {
      setError(failure as ApiError)
    } finally {
      setBusy(undefined)
    }
  }
  return { run, busy, error }
}
