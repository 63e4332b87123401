import { useEffect, useRef, useState } from 'react'
import { api, type ApiError } from '../../api/client.ts'
import { liveState } from '../../api/live.ts'
import type { DeadList, Settled } from 'flowguard/answers'
import { useAsk } from '../../api/use-ask.ts'
import { count } from '../../model/format.ts'
import { useStore } from '../../state/store.ts'
import { Button, Failure } from '../../ui/basics.tsx'
import { Dialog } from '../../ui/dialog.tsx'

export interface Choice {
  action: 'retry' | 'drop'
  /** These letters; or else all that wait and fit the filter. */
  ids?: readonly string[]
  filter?: { reason?: string; reader?: string }
}

const WORDS = {
  retry: { title: 'Retry', does: 'sent to its topic again, as it was', done: 'sent again' },
  drop: { title: 'Drop', does: 'given up; it stays in dead.v1 for as long as that is kept', done: 'dropped' },
} as const

/** Says how many it will be, asks why, does it, and says how far it has got. */
export function Settle({ choice, onEnd }: { choice: Choice; onEnd: () => void }) {
  const { action, ids, filter = {} } = choice
  const counted = useAsk<DeadList>(ids ? null : `/api/dead?${new URLSearchParams({ ...filter, state: 'waiting', limit: '1' })}`)
  const letters = ids ? ids.length : counted.data?.total
  const [note, setNote] = useState('')
  const { run, settled, done, error, isRunning } = useSettling(choice, note)
  const waiting = useStore(liveState)?.summary.dead
  const { title, does, done: doneWord } = WORDS[action]
  return (
    <Dialog title={`${title} dead letters`} onClose={onEnd}>
      <form
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault()
          void run()
        }}
      >
        <p>
          <strong className="num">
            {letters === undefined ? 'Counting…' : `${count(letters)} ${letters === 1 ? 'letter' : 'letters'}`}
          </strong>{' '}
          will be {does}.
          {!ids && Object.keys(filter).length > 0 && (
            <span className="block text-muted">Those of {Object.values(filter).join(' by ')}.</span>
          )}
          {action === 'retry' && letters !== 1 && <span className="block text-muted">A record that two readers buried is sent once.</span>}
        </p>
        {!settled && (
          <label className="flex flex-col gap-1">
            <span className="font-medium">{action === 'drop' ? 'Why' : 'Note'}</span>
            <input
              className="field"
              maxLength={500}
              required={action === 'drop'}
              placeholder={action === 'drop' ? 'kept with what is done' : 'what was mended'}
              value={note}
              onChange={(event) => setNote(event.target.value)}
            />
          </label>
        )}
        {isRunning && (
          <div role="status">
            <progress
              className="h-1.5 w-full"
              {...(ids && ids.length > 1 && { value: done, max: ids.length })}
              aria-label="How far it has got"
            />
            <p className="num text-muted">
              {ids ? `${done} of ${ids.length}` : `${waiting === undefined ? '' : count(waiting)} letters still wait`}
            </p>
          </div>
        )}
        {error && <Failure error={error} />}
        {settled && <Outcome settled={settled} word={doneWord} />}
        <div className="flex justify-end gap-2">
          <Button onClick={onEnd}>{settled ? 'Close' : 'Cancel'}</Button>
          {!settled && (
            <Button type="submit" kind={action === 'drop' ? 'danger' : 'primary'} disabled={isRunning || !letters}>
              {title} {letters === undefined ? '' : count(letters)}
            </Button>
          )}
        </div>
      </form>
    </Dialog>
  )
}

function Outcome({ settled: { letters, records, failed }, word }: { settled: Settled; word: string }) {
  return (
    <div role="status" className={`rounded-md px-3 py-2 ${failed.length > 0 ? 'bg-warn-soft text-warn' : 'bg-good-soft text-good'}`}>
      <p>
        {count(letters)} {letters === 1 ? 'letter' : 'letters'} of {count(records)} {records === 1 ? 'record' : 'records'} {word}.
      </p>
      {failed.length > 0 && (
        <ul className="mt-1 max-h-40 overflow-y-auto">
          {failed.map(({ dead_id: id, detail }) => (
            <li key={id} className="break-words">
              {id}: {detail}
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}

/** Letters one by one, so that it is seen how far it has got; what is chosen by cause goes in one request. Leaving stops it between two. */
function useSettling({ action, ids, filter = {} }: Choice, note: string) {
  const [state, setState] = useState<{ isRunning: boolean; done: number; settled?: Settled; error?: ApiError }>({
    isRunning: false,
    done: 0,
  })
  const stop = useRef(new AbortController())
  useEffect(() => {
    const leaving = (stop.current = new AbortController())
    return () => leaving.abort()
  }, [])

  async function run() {
    const { signal } = stop.current
    const settled: Settled = { letters: 0, records: 0, failed: [] }
    const isAll = Object.keys(filter).length === 0
    const bodies = ids ? ids.map((id) => ({ dead_id: id })) : [isAll ? { all: true } : filter]
    setState({ isRunning: true, done: 0 })
    try {
      for (const [at, body] of bodies.entries()) {
        if (signal.aborted) return
        const answer = await api<Settled>(`/api/dead/${action}`, { body: { ...body, ...(note && { note }) } })
        settled.letters += answer.letters
        settled.records += answer.records
        settled.failed.push(...answer.failed)
        setState({ isRunning: true, done: at + 1 })
      }
      setState({ isRunning: false, done: bodies.length, settled })
    } catch (error) {
      setState((before) => ({ ...before, isRunning: false, error: error as ApiError }))
    }
  }
  return { ...state, run }
}
