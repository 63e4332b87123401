import { useEffect, useState } from 'react'
import { api, type ApiError } from '../../api/client.ts'
import type { Audit, Check } from 'flowguard/answers'
import { count, duration } from '../../model/format.ts'
import { useAddress } from '../../state/address.ts'
import { createStore, useStore } from '../../state/store.ts'
import { Badge, Button, Empty, Failure, Loading, Page, Panel, Time } from '../../ui/basics.tsx'
import { Table, type Column } from '../../ui/table.tsx'

/** The last look at the books, for as long as the console is open: it is long where the log is. */
const last = createStore<{ at: string; books: Audit } | undefined>(undefined)

export function AuditPage() {
  const { get, set } = useAddress()
  const audited = useStore(last)
  const [isRunning, setRunning] = useState(false)
  const [error, setError] = useState<ApiError>()
  const isFaultsOnly = get('show') === 'faults'

  async function run() {
    setRunning(true)
    setError(undefined)
    try {
      const books = await api<Audit>('/api/audit')
      last.set({ at: new Date().toISOString(), books })
    } catch (refused) {
      setError(refused as ApiError)
    } finally {
      setRunning(false)
    }
  }
  // An address that says so is a look that was asked for.
  useEffect(() => {
    if (get('run') === '1' && !last.get()) void run()
  }, [])

  const books = audited?.books
  const shown = books?.checks.filter(({ ok }) => !isFaultsOnly || !ok) ?? []
  return (
    <Page
      title="Audit"
      about="The books: what was read against what became of it, to the event."
      actions={
        <>
          {books && (
            <label className="flex items-center gap-1.5">
              <input
                type="checkbox"
                className="ticked"
                checked={isFaultsOnly}
                onChange={(event) => set({ show: event.target.checked ? 'faults' : null })}
              />
              Faults only
            </label>
          )}
          <Button
            kind="primary"
            disabled={isRunning}
            onClick={() => {
              set({ run: true }, { replace: true })
              void run()
            }}
          >
            {isRunning ? 'Looking through the books…' : 'Audit now'}
          </Button>
        </>
      }
    >
      <div className="flex max-w-6xl flex-col gap-3 px-4 pb-6 md:px-6">
        {error && <Failure error={error} onRetry={() => void run()} />}
        {books && audited && <Verdict books={books} at={audited.at} />}
        {books ? (
          <Panel title={isFaultsOnly ? 'What does not hold' : 'Checks'}>
            {shown.length > 0 ? (
              <Table
                label="Checks"
                columns={COLUMNS}
                rows={shown}
                keyOf={({ name }) => name}
                below={(check) => !check.ok && <Offenders check={check} />}
              />
            ) : (
              <Empty title="Every check holds" />
            )}
          </Panel>
        ) : isRunning ? (
          <Loading what="the books" rows={10} />
        ) : (
          !error && (
            <Panel>
              <Empty title="The books have not been looked through yet">
                An audit reads the whole log, while everything goes on. It takes seconds to minutes, by how long the log is.
              </Empty>
            </Panel>
          )
        )}
      </div>
    </Page>
  )
}

function Verdict({ books, at }: { books: Audit; at: string }) {
  const amiss = books.checks.filter(({ ok }) => !ok).length
  return (
    <div
      role="status"
      className={`flex flex-wrap items-baseline gap-x-4 gap-y-1 rounded-lg px-4 py-3 ${books.balanced ? 'bg-good-soft text-good' : 'bg-bad-soft text-bad'}`}
    >
      <strong className="text-base">
        {books.balanced ? 'The books balance.' : `${amiss} of ${books.checks.length} checks do not hold.`}
      </strong>
      <span>
        {count(books.checks.length)} checks in {duration(books.took_ms)}, at <Time iso={at} />
      </span>
      {books.unchecked.length > 0 && <span>Not looked at: {books.unchecked.join('; ')}</span>}
    </div>
  )
}

const COLUMNS: Column<Check>[] = [
  { name: 'holds', show: ({ ok }) => (ok ? <Badge tone="good">yes</Badge> : <Badge tone="bad">no</Badge>) },
  {
    name: 'check',
    isName: true,
    show: ({ name, detail }) => (
      <>
        <span className="font-medium">{name}</span>
        <span className="block min-w-56 text-xs text-muted">{detail}</span>
      </>
    ),
  },
  { name: 'expected', isMinor: true, isNumber: true, show: ({ expected }) => count(expected) },
  { name: 'actual', isMinor: true, isNumber: true, show: ({ actual }) => count(actual) },
  { name: 'off by', isNumber: true, show: ({ expected, actual }) => (expected === actual ? '' : count(actual - expected)) },
]

function Offenders({ check: { offenders, offenders_total: total } }: { check: Check }) {
  return (
    <ul className="mx-3 mb-2 rounded-md bg-bad-soft px-3 py-2 font-mono text-xs text-bad">
      {offenders.map((each) => (
        <li key={each} className="break-all">
          {each}
        </li>
      ))}
      {total > offenders.length && <li>and {count(total - offenders.length)} more</li>}
    </ul>
  )
}
