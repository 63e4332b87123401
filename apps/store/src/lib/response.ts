import type { AsyncLocalStorage } from 'node:async_hooks'
import type { ServerResponse } from 'node:http'

/** Where `main.ts` keeps the answer under way. Known by a symbol, for the pages are bundled apart from it. */
export const RESPONSE = Symbol.for('flowguard.store.response')

interface Global {
  [RESPONSE]?: AsyncLocalStorage<ServerResponse>
}

/**
 * A cache or a monitor reads the number and not the words. The framework has no 503 for a page, and its own `notFound()` sends
 * a blank one that needs a script to be read. Later than the first byte it is too late, and nothing is changed.
 */
export function answerWith(status: 404 | 503): void {
  const response = (globalThis as Global)[RESPONSE]?.getStore()
  if (response && !response.headersSent) response.statusCode = status
}
