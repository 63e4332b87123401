/** What is known of a question: the latest answer, and what the last try came to. */
export interface Known<T> {
  data?: T
  /** Kept while it is asked again: until the next answer says better. */
  error?: Error
  isLoading: boolean
}

interface Asking<T> {
  ask: (signal: AbortSignal) => Promise<T>
  /** Asked again so long after each answer. */
  everyMs: number | undefined
  /** Nobody looks: it is not asked again until somebody does. */
  isSeen: () => boolean
  onChange: (change: (before: Known<T>) => Known<T>) => void
  /** `setTimeout`, as a function that gives the way to cancel it. */
  later: (work: () => void, ms: number) => () => void
}

/** Asks at once, and again a while after each answer, however long that took: there is never more than one request on its way. Gives the way to stop. */
export function keepAsking<T>({ ask, everyMs, isSeen, onChange, later }: Asking<T>): () => void {
  const stop = new AbortController()
  const { signal } = stop
  let cancel = () => {}

  async function round() {
    onChange((before) => ({ ...before, isLoading: true }))
    try {
      const data = await ask(signal)
      if (signal.aborted) return
      onChange(() => ({ data, isLoading: false }))
    } catch (error) {
      if (signal.aborted) return
      onChange((before) => ({ ...before, error: error as Error, isLoading: false }))
    }
    wait()
  }
  function wait() {
    if (everyMs !== undefined) cancel = later(() => (isSeen() ? void round() : wait()), everyMs)
  }

  void round()
  return () => {
    stop.abort()
    cancel()
  }
}
