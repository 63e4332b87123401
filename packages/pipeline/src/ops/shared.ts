/** Whoever asks the same while it is being worked out gets the same answer. Nothing is kept once it is there. */
export function shared<T = unknown>() {
  const asking = new Map<string, Promise<T>>()
  return <Answer extends T>(key: string, work: () => Promise<Answer>): Promise<Answer> => {
    const before = asking.get(key) as Promise<Answer> | undefined
    if (before) return before
    const answer = work().finally(() => asking.delete(key))
    asking.set(key, answer)
    return answer
  }
}
