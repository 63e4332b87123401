import { isbot } from 'isbot'

const AGENTS_COUNT_MAX = 2_000

/** Whether a browser's name is a bot's. Remembered: the same few names come again and again, and asking costs more than all other checks together. */
export function createBotCheck(): (userAgent: string) => boolean {
  const known = new Map<string, boolean>()
  return (userAgent) => {
    const found = known.get(userAgent)
    if (found !== undefined) return found
    if (known.size >= AGENTS_COUNT_MAX) known.clear()
    const isBot = isbot(userAgent)
    known.set(userAgent, isBot)
    return isBot
  }
}
