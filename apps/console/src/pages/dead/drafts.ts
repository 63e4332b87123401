/** What is being written in a letter's place. */
export interface Draft {
  text: string
  note: string
}

/** What nobody has sent or given up, by letter: whoever comes back to it from another page goes on where he was. */
const drafts = new Map<string, Draft>()

export const draftOf = (deadId: string): Draft | undefined => drafts.get(deadId)

export function keepDraft(deadId: string, draft: Draft): void {
  drafts.set(deadId, draft)
  window.addEventListener('beforeunload', askFirst)
}

export function dropDraft(deadId: string): void {
  drafts.delete(deadId)
  if (drafts.size === 0) window.removeEventListener('beforeunload', askFirst)
}

const askFirst = (event: BeforeUnloadEvent) => event.preventDefault()
