import { useCallback, useEffect, useState } from 'react'
import type { DeadList } from 'flowguard/answers'
import { useAsk, type Answer } from '../../api/use-ask.ts'
import { count } from '../../model/format.ts'
import { useAddress } from '../../state/address.ts'
import { Badge, Button, Empty, Failure, Loading, Page, Panel } from '../../ui/basics.tsx'
import { Causes } from './causes.tsx'
import { draftOf, dropDraft } from './drafts.ts'
import { GiveUp } from './give-up.tsx'
import { Letter } from './letter.tsx'
import { Letters } from './letters.tsx'
import { Settle } from './settle.tsx'
import type { Choice } from './use-settling.ts'

const EVERY_MS = 5_000
const PAGE_COUNT = 100
const STATES = ['waiting', 'retried', 'dropped'] as const

export function DeadPage() {
  const { get, set } = useAddress()
  const [reason, reader, open] = [get('reason'), get('reader'), get('open')]
  const state = get('state') || 'waiting'
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set())
  const [choice, setChoice] = useState<Choice>()
  const [turn, setTurn] = useState(0)
  const all = useAsk<DeadList>('/api/dead?limit=1', { everyMs: EVERY_MS })
  const query = new URLSearchParams({ limit: String(PAGE_COUNT) })
  for (const [name, value] of Object.entries({ reason, reader, state: state === 'any' ? '' : state, after: get('after') }))
    if (value !== '') query.set(name, value)
  const list = useAsk<DeadList>(`/api/dead?${query}`, { everyMs: EVERY_MS })
  const filter = `${reason} ${reader} ${state}`
  useEffect(() => setPicked(new Set()), [filter])
  const { leave, question } = useLeaving(open)
  const close = useCallback(() => leave(() => set({ open: null, edit: null, as: null })), [leave, set])
  const leaveEdit = useCallback(() => leave(() => set({ edit: null })), [leave, set])
  const settled = useCallback(() => {
    setPicked(new Set())
    setTurn((before) => before + 1)
    all.reload()
    list.reload()
  }, [all.reload, list.reload])
  const of = { ...(reason && { reason }), ...(reader && { reader }) }

  return (
    <Page title="Dead letters" about="What could not be worked off, with its bytes and why. The rest of its batch went on.">
      <div className={`grid items-start gap-3 px-4 pb-6 md:px-6 ${columnsOf(open !== '', get('edit') !== '')}`}>
        <div className="flex min-w-0 flex-col gap-3">
          <Answered answer={all} what="the causes">
            {({ groups }) => <Causes groups={groups} reason={reason} reader={reader} onChoose={(next) => set({ ...next, after: null })} />}
          </Answered>
          <Panel
            title={reason || reader ? [reason, reader].filter(Boolean).join(' by ') : 'All letters'}
            actions={
              <div className="flex flex-wrap items-center gap-2">
                <StateChoice state={state} onChoose={(next) => set({ state: next === 'waiting' ? null : next, after: null })} />
                {state === 'waiting' && (
                  <Acts
                    picked={picked.size}
                    total={list.data?.total ?? 0}
                    onPicked={(action) => setChoice({ action, ids: [...picked] })}
                    onAll={(action) => setChoice({ action, filter: of })}
                  />
                )}
              </div>
            }
          >
            <Answered answer={list} what="the letters">
              {(data) =>
                data.letters.length === 0 ? (
                  <Empty title={state === 'waiting' ? 'Nothing waits for you' : 'There are none'}>
                    {state === 'waiting' && <Badge tone="good">every dead letter has been seen to, or there never was one</Badge>}
                    {get('after') !== '' && <Button onClick={() => set({ after: null })}>To the newest</Button>}
                  </Empty>
                ) : (
                  <Letters
                    list={data}
                    isPage={get('after') !== ''}
                    picked={picked}
                    onPick={setPicked}
                    open={open}
                    onOpen={(id) => id !== open && leave(() => set({ open: id, edit: null, as: null }))}
                    onPage={(after) => set({ after })}
                  />
                )
              }
            </Answered>
          </Panel>
        </div>
        {open && (
          <Letter
            key={open}
            id={open}
            turn={turn}
            onClose={close}
            onLeaveEdit={leaveEdit}
            onSettle={(action, { dead_id: id }) => setChoice({ action, ids: [id] })}
            onSent={settled}
          />
        )}
      </div>
      {choice && (
        <Settle
          choice={choice}
          onEnd={(hasSettled) => {
            setChoice(undefined)
            if (hasSettled) settled()
          }}
        />
      )}
      {question}
    </Page>
  )
}

const columnsOf = (isOpen: boolean, isEditing: boolean) =>
  !isOpen ? '' : isEditing ? 'lg:grid-cols-[minmax(0,1fr)_minmax(27rem,45%)]' : 'lg:grid-cols-[minmax(0,1fr)_27rem]'

/** Leaves the open letter, or asks first where an edit would be lost. */
function useLeaving(open: string) {
  const [act, setAct] = useState<() => void>()
  const leave = useCallback(
    (next: () => void) => {
      if (draftOf(open) === undefined) next()
      else setAct(() => next)
    },
    [open],
  )
  const question = act && (
    <GiveUp
      onKeep={() => setAct(undefined)}
      onGiveUp={() => {
        dropDraft(open)
        setAct(undefined)
        act()
      }}
    />
  )
  return { leave, question }
}

function StateChoice({ state, onChoose }: { state: string; onChoose: (state: string) => void }) {
  return (
    <label>
      <span className="sr-only">State</span>
      <select className="field" value={state} onChange={(event) => onChoose(event.target.value)}>
        {STATES.map((each) => (
          <option key={each}>{each}</option>
        ))}
        <option value="any">any state</option>
      </select>
    </label>
  )
}

interface ActsProps {
  picked: number
  total: number
  onPicked: (action: Choice['action']) => void
  onAll: (action: Choice['action']) => void
}

/** What was picked is what is meant; all has buttons of its own, which never turn into the others. */
function Acts({ picked, total, onPicked, onAll }: ActsProps) {
  return (
    <>
      {picked > 0 && (
        <>
          <Button kind="primary" onClick={() => onPicked('retry')}>
            Retry these {count(picked)}
          </Button>
          <Button kind="danger" onClick={() => onPicked('drop')}>
            Drop these {count(picked)}
          </Button>
        </>
      )}
      {total > 0 && (
        <>
          <Button onClick={() => onAll('retry')}>Retry all {count(total)}</Button>
          <Button onClick={() => onAll('drop')}>Drop all {count(total)}</Button>
        </>
      )}
    </>
  )
}

function Answered<T>({ answer, what, children }: { answer: Answer<T>; what: string; children: (data: T) => React.ReactNode }) {
  if (answer.data) return children(answer.data)
  return answer.error ? <Failure error={answer.error} onRetry={answer.reload} /> : <Loading what={what} rows={4} />
}
