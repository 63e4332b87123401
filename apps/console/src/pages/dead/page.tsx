import { useCallback, useEffect, useState } from 'react'
import type { DeadEntry, DeadList } from 'flowguard/answers'
import { useAsk } from '../../api/use-ask.ts'
import { count } from '../../model/format.ts'
import { useAddress } from '../../state/address.ts'
import { Badge, Button, Empty, Failure, Loading, Page, Panel } from '../../ui/basics.tsx'
import { Causes } from './causes.tsx'
import { Letter } from './letter.tsx'
import { Letters } from './letters.tsx'
import { Settle, type Choice } from './settle.tsx'

const EVERY_MS = 5_000
const PAGE_COUNT = 100
const STATES = ['waiting', 'retried', 'dropped'] as const

export function DeadPage() {
  const { get, set } = useAddress()
  const [reason, reader, open] = [get('reason'), get('reader'), get('open')]
  const state = get('state') || 'waiting'
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set())
  const [choice, setChoice] = useState<Choice>()
  const all = useAsk<DeadList>('/api/dead?limit=1', { everyMs: EVERY_MS })
  const query = new URLSearchParams({ limit: String(PAGE_COUNT) })
  for (const [name, value] of Object.entries({ reason, reader, state: state === 'any' ? '' : state, after: get('after') }))
    if (value !== '') query.set(name, value)
  const list = useAsk<DeadList>(`/api/dead?${query}`, { everyMs: EVERY_MS })
  const filter = `${reason} ${reader} ${state}`
  useEffect(() => setPicked(new Set()), [filter])
  const close = useCallback(() => set({ open: null, edit: null }), [set])
  const ended = useCallback(() => {
    setChoice(undefined)
    setPicked(new Set())
    all.reload()
    list.reload()
  }, [all.reload, list.reload])

  const ask = (action: Choice['action'], letters: readonly DeadEntry[] | undefined) =>
    setChoice(
      letters
        ? { action, ids: letters.map(({ dead_id: id }) => id) }
        : { action, filter: { ...(reason && { reason }), ...(reader && { reader }) } },
    )
  const chosen = list.data?.letters.filter(({ dead_id: id }) => picked.has(id)) ?? []
  return (
    <Page title="Dead letters" about="What could not be worked off, with its bytes and why. The rest of its batch went on.">
      <div
        className={`grid items-start gap-3 px-4 pb-6 md:px-6 ${!open ? '' : get('edit') ? 'lg:grid-cols-[minmax(0,1fr)_minmax(27rem,45%)]' : 'lg:grid-cols-[minmax(0,1fr)_27rem]'}`}
      >
        <div className="flex min-w-0 flex-col gap-3">
          {all.error && !all.data ? (
            <Failure error={all.error} onRetry={all.reload} />
          ) : all.data ? (
            <Causes groups={all.data.groups} reason={reason} reader={reader} onChoose={(next) => set({ ...next, after: null })} />
          ) : (
            <Loading what="the causes" rows={3} />
          )}
          <Panel
            title={reason || reader ? [reason, reader].filter(Boolean).join(' by ') : 'All letters'}
            actions={
              <div className="flex flex-wrap items-center gap-2">
                <label>
                  <span className="sr-only">State</span>
                  <select
                    className="field"
                    value={state}
                    onChange={(event) => set({ state: event.target.value === 'waiting' ? null : event.target.value, after: null })}
                  >
                    {STATES.map((each) => (
                      <option key={each}>{each}</option>
                    ))}
                    <option value="any">any state</option>
                  </select>
                </label>
                {state === 'waiting' && (list.data?.total ?? 0) > 0 && (
                  <>
                    <Button kind="primary" onClick={() => ask('retry', chosen.length > 0 ? chosen : undefined)}>
                      Retry {chosen.length > 0 ? `these ${chosen.length}` : `all ${count(list.data?.total ?? 0)}`}
                    </Button>
                    <Button kind="danger" onClick={() => ask('drop', chosen.length > 0 ? chosen : undefined)}>
                      Drop {chosen.length > 0 ? `these ${chosen.length}` : 'all'}
                    </Button>
                  </>
                )}
              </div>
            }
          >
            {list.error && !list.data ? (
              <Failure error={list.error} onRetry={list.reload} />
            ) : !list.data ? (
              <Loading what="the letters" />
            ) : list.data.letters.length === 0 ? (
              <Empty title={state === 'waiting' ? 'Nothing waits for you' : 'There are none'}>
                {state === 'waiting' && <Badge tone="good">every dead letter has been seen to, or there never was one</Badge>}
              </Empty>
            ) : (
              <Letters
                list={list.data}
                isPage={get('after') !== ''}
                picked={picked}
                onPick={setPicked}
                open={open}
                onOpen={(id) => set({ open: id, edit: null })}
                onPage={(after) => set({ after })}
              />
            )}
          </Panel>
        </div>
        {open && <Letter key={open} id={open} onClose={close} onSettle={(action, letter) => ask(action, [letter])} onSent={ended} />}
      </div>
      {choice && <Settle choice={choice} onEnd={ended} />}
    </Page>
  )
}
