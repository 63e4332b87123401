/** A walk that never waits as one that may: begun at its first step, and broken off where it is broken off. Each step costs one turn of the microtask queue. */
export function asyncWalk<T>(begin: () => Generator<T, unknown>): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator](): AsyncIterator<T> {
      let walk: Generator<T, unknown> | undefined
      return {
        next: async () => (walk ??= begin()).next() as IteratorResult<T>,
        return: async () => (walk?.return(undefined) ?? { done: true, value: undefined }) as IteratorResult<T>,
      }
    },
  }
}
