import { useEffect, useId, useRef, useState } from 'react'
import type { DeadShown, Settled } from 'flowguard/answers'
import { api, type ApiError } from '../../api/client.ts'
import { duration } from '../../model/format.ts'
import { Button, Failure } from '../../ui/basics.tsx'
import { draftOf, dropDraft, keepDraft } from './drafts.ts'

const ROWS_MIN = 8
const ROWS_MAX = 28

interface Problem {
  /** A JSON pointer; empty for the whole. */
  field: string
  message: string
}

interface Props {
  letter: DeadShown
  onDone: (sentTo: string) => void
  onCancel: () => void
}

/** The letter's event as text, to be mended and sent in its place. What the operations API says against it is shown at the lines that it speaks of. */
export function Editor({ letter, onDone, onCancel }: Props) {
  const { text, note, write } = useDraft(letter)
  const [problems, setProblems] = useState<readonly Problem[]>(() => firstProblems(letter))
  const { send, error, isSending } = useSending(letter.dead_id, onDone, setProblems)
  const isWaiting = letter.state === 'waiting'
  const area = useRef<HTMLTextAreaElement>(null)
  const ids = { problems: useId(), hint: useId() }
  useEffect(() => area.current?.focus(), [])
  const read = parsed(text)
  const shown = 'fault' in read ? [{ field: '', message: read.fault }] : problems
  const lateMs = 'value' in read ? behindMs(read.value, letter.partition_ts) : 0
  return (
    <form
      aria-label="Edit and retry"
      className="flex flex-col gap-3 border-b border-line p-3"
      onSubmit={(event) => {
        event.preventDefault()
        if (isWaiting && !isSending) void send(text, note)
      }}
      // Escape closes what is beside the list; from in here it gives up the edit alone, which is asked about first.
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return
        event.stopPropagation()
        event.preventDefault()
        onCancel()
      }}
    >
      {!isWaiting && (
        <p role="status" className="rounded-md bg-warn-soft px-2 py-1.5 text-warn">
          This letter was {letter.state} meanwhile. What you have written is kept here, but cannot be sent in its place any more.
        </p>
      )}
      <label className="flex flex-col gap-1">
        <span className="font-medium">The event to send in its place</span>
        <textarea
          ref={area}
          value={text}
          rows={Math.min(ROWS_MAX, Math.max(ROWS_MIN, text.split('\n').length + 1))}
          spellCheck={false}
          autoCapitalize="off"
          autoComplete="off"
          wrap="off"
          aria-invalid={shown.length > 0}
          aria-describedby={`${ids.problems} ${ids.hint}`}
          className={`w-full resize-y overflow-auto rounded-md border bg-panel p-2 font-mono text-xs leading-5 whitespace-pre ${shown.length > 0 ? 'border-bad' : 'border-edge'}`}
          onChange={(event) => {
            write({ text: event.target.value, note })
            setProblems([])
          }}
        />
      </label>
      <div id={ids.problems} role="status">
        {shown.length > 0 && (
          <ul className="flex flex-col gap-0.5 rounded-md bg-bad-soft px-2 py-1.5 text-bad">
            {shown.map((problem) => (
              <ProblemLine key={problem.field + problem.message} problem={problem} text={text} area={area} />
            ))}
          </ul>
        )}
      </div>
      <p id={ids.hint} className="text-muted">
        Its key and its content hash are made anew from this; the other headers stay.{' '}
        {lateMs > letter.lateness_ms && (
          <span className="text-warn">
            Its time (<code>ts</code>) is {duration(lateMs)} behind its partition: sent so, it counts as late, and is left to
            reconciliation.
          </span>
        )}
      </p>
      <label className="flex flex-col gap-1">
        <span className="font-medium">Note</span>
        <input
          className="field"
          maxLength={500}
          placeholder="what was mended"
          value={note}
          onChange={(event) => write({ text, note: event.target.value })}
        />
      </label>
      {error && <Failure error={error} />}
      <div className="flex justify-end gap-2">
        <Button onClick={onCancel}>Cancel</Button>
        <Button type="submit" kind="primary" disabled={isSending || !isWaiting || 'fault' in read}>
          {isSending ? 'Sending…' : 'Send in its place'}
        </Button>
      </div>
    </form>
  )
}

/** Kept for as long as the console is open, whatever is looked at meanwhile; forgotten where it says what it said at first. */
function useDraft({ dead_id: id, decoded, raw }: DeadShown) {
  const [first] = useState(() => (decoded === undefined ? raw : JSON.stringify(decoded, null, 2)))
  const [draft, setDraft] = useState(() => draftOf(id) ?? { text: first, note: '' })
  const write = (next: typeof draft) => {
    setDraft(next)
    if (next.text === first && next.note === '') dropDraft(id)
    else keepDraft(id, next)
  }
  return { ...draft, write }
}

function ProblemLine({
  problem: { field, message },
  text,
  area,
}: {
  problem: Problem
  text: string
  area: React.RefObject<HTMLTextAreaElement | null>
}) {
  const place = placeOf(text, field)
  const what = `${field} ${message}`.trim()
  if (!place) return <li className="break-words">{what}</li>
  return (
    <li className="break-words">
      <button
        type="button"
        className="text-left underline underline-offset-2"
        onClick={() => {
          area.current?.focus()
          area.current?.setSelectionRange(place.from, place.to)
        }}
      >
        line {place.line}
      </button>{' '}
      {what}
    </li>
  )
}

/** The line that names the field, or undefined: it may be missing, which is what is wrong. */
function placeOf(text: string, field: string): { line: number; from: number; to: number } | undefined {
  const name = field.split('/').at(-1)?.replaceAll('~1', '/').replaceAll('~0', '~')
  if (!name) return undefined
  const from = text.indexOf(`${JSON.stringify(name)}:`)
  if (from < 0) return undefined
  const end = text.indexOf('\n', from)
  return { line: text.slice(0, from).split('\n').length, from, to: end < 0 ? text.length : end }
}

/** Why it died, until it is changed: what does not fit, or else what its reader said. */
function firstProblems({ fault, reason, detail }: DeadShown): Problem[] {
  if (fault === null) return [{ field: reason === 'id_conflict' ? '/event_id' : '', message: detail }]
  return fault.split('; ').map((each) => {
    const [, field = '', message = each] = /^(\/\S*) (.*)$/.exec(each) ?? []
    return { field, message }
  })
}

function parsed(text: string): { value: unknown } | { fault: string } {
  try {
    return { value: JSON.parse(text) as unknown }
  } catch (error) {
    return { fault: `not JSON: ${(error as Error).message}` }
  }
}

function behindMs(value: unknown, partitionTs: number | null): number {
  const ts = (value as { ts?: unknown } | null)?.ts
  return typeof ts === 'number' && partitionTs !== null ? partitionTs - ts : 0
}

function useSending(deadId: string, onDone: Props['onDone'], onProblems: (problems: readonly Problem[]) => void) {
  const [state, setState] = useState<{ isSending: boolean; error?: Error }>({ isSending: false })
  async function send(value: string, note: string) {
    setState({ isSending: true })
    try {
      const { sent_to: sentTo, failed } = await api<Settled>('/api/dead/retry', { body: { dead_id: deadId, value, ...(note && { note }) } })
      if (sentTo !== undefined) {
        dropDraft(deadId)
        return onDone(sentTo)
      }
      setState({ isSending: false, error: new Error(failed[0]?.detail ?? 'It no longer waits: somebody else has seen to it.') })
    } catch (caught) {
      const error = caught as ApiError
      onProblems(error.fields ?? [])
      setState({ isSending: false, ...((error.fields ?? []).length === 0 && { error }) })
    }
  }
  return { ...state, send }
}
