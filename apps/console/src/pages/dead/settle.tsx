import { useState } from 'react'
import type { DeadList } from 'flowguard/answers'
import { useAsk } from '../../api/use-ask.ts'
import { count } from '../../model/format.ts'
import { Button, Failure } from '../../ui/basics.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { useSettling, type Choice, type Settling } from './use-settling.ts'

const WORDS = {
  retry: { title: 'Retry', does: 'sent to its topic again, as it was', done: 'sent again' },
  drop: { title: 'Drop', does: 'given up; it stays in dead.v1 for as long as that is kept', done: 'dropped' },
} as const

const letters = (number: number) => `${count(number)} ${number === 1 ? 'letter' : 'letters'}`

interface Props {
  choice: Choice
  /** `hasSettled`: some letters do not wait any more. */
  onEnd: (hasSettled: boolean) => void
}

/** Says how many it will be, asks why, does it, and says how far it has got. */
export function Settle({ choice, onEnd }: Props) {
  const { action, ids, filter = {} } = choice
  const counted = useAsk<DeadList>(ids ? null : `/api/dead?${new URLSearchParams({ ...filter, state: 'waiting', limit: '1' })}`)
  const all = ids ? ids.length : counted.data?.total
  const [note, setNote] = useState('')
  const { run, stop, ...settling } = useSettling(choice, { note, diedBy: counted.data?.as_of })
  const { state, error } = settling
  const { title } = WORDS[action]
  const isBusy = state === 'running' || state === 'stopping'
  return (
    <Dialog title={`${title} dead letters`} onClose={() => onEnd(settling.state !== 'new')}>
      <form
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault()
          if (!isBusy) void run()
        }}
      >
        {state === 'new' ? <Question choice={choice} all={all} note={note} onNote={setNote} /> : <HowFar all={all ?? 0} of={settling} />}
        {counted.error && !counted.data && <Failure error={counted.error} onRetry={counted.reload} />}
        {error && <Failure error={error} />}
        {(state === 'stopped' || state === 'ended') && <Outcome of={settling} word={WORDS[action].done} />}
        <div className="flex justify-end gap-2">
          {isBusy ? (
            <Button onClick={stop} disabled={state === 'stopping'}>
              {state === 'stopping' ? 'Stopping…' : 'Stop'}
            </Button>
          ) : (
            <Button onClick={() => onEnd(state !== 'new')}>{state === 'new' ? 'Cancel' : 'Close'}</Button>
          )}
          {state === 'new' && (
            <Button type="submit" kind={action === 'drop' ? 'danger' : 'primary'} disabled={!all}>
              {title} {all === undefined ? '' : count(all)}
            </Button>
          )}
          {state === 'stopped' && (
            <Button type="submit" kind={action === 'drop' ? 'danger' : 'primary'}>
              Go on{settling.left > 0 && ` with ${count(settling.left)}`}
            </Button>
          )}
        </div>
      </form>
    </Dialog>
  )
}

interface QuestionProps {
  choice: Choice
  all: number | undefined
  note: string
  onNote: (note: string) => void
}

function Question({ choice: { action, ids, filter = {} }, all, note, onNote }: QuestionProps) {
  return (
    <>
      <p>
        <strong className="num">{all === undefined ? 'Counting…' : letters(all)}</strong> will be {WORDS[action].does}.
        {!ids && Object.keys(filter).length > 0 && <span className="block text-muted">Those of {Object.values(filter).join(' by ')}.</span>}
        {!ids && <span className="block text-muted">What dies from now on is left alone.</span>}
        {action === 'retry' && (
          <span className="block text-muted">
            For what failed by a fault that was mended since. What was wrong in itself dies again: that is to be edited, one by one.
          </span>
        )}
        {action === 'retry' && all !== 1 && <span className="block text-muted">A record that two readers buried is sent once.</span>}
      </p>
      <label className="flex flex-col gap-1">
        <span className="font-medium">{action === 'drop' ? 'Why' : 'Note'}</span>
        <input
          className="field"
          maxLength={500}
          required={action === 'drop'}
          placeholder={action === 'drop' ? 'kept with what is done' : 'what was mended'}
          value={note}
          onChange={(event) => onNote(event.target.value)}
        />
      </label>
    </>
  )
}

/** Not announced at each step: its end is. */
function HowFar({ all, of: { state, settled, left } }: { all: number; of: Settling }) {
  // Until the first answer, nothing is left because nothing is known.
  const isKnown = settled.letters + settled.failed.length > 0 || left > 0
  const gone = isKnown ? Math.max(0, all - left) : 0
  return (
    <div>
      <progress className="h-1.5 w-full accent-accent" value={gone} max={Math.max(1, all)} aria-label="How far it has got" />
      <p className="num text-muted">
        {count(gone)} of {letters(all)}
        {state === 'stopping' && '; the round that is on its way ends first'}
      </p>
    </div>
  )
}

function Outcome({ of: { state, settled, before, left }, word }: { of: Settling; word: string }) {
  const isWhole = state === 'ended' && settled.failed.length === 0
  return (
    <div role="status" className={`rounded-md px-3 py-2 ${isWhole ? 'bg-good-soft text-good' : 'bg-warn-soft text-warn'}`}>
      <p>
        {letters(settled.letters)} of {count(settled.records)} {settled.records === 1 ? 'record' : 'records'} {word}.
        {before > 0 && ` ${letters(before)} had been seen to before.`}
        {left > 0 && ` Stopped: ${letters(left)} left as they were.`}
      </p>
      {settled.failed.length > 0 && (
        <ul aria-label="What could not be done" tabIndex={0} className="mt-1 max-h-40 overflow-y-auto">
          {settled.failed.map(({ dead_id: id, detail }) => (
            <li key={id} className="break-words">
              {id}: {detail}
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}
