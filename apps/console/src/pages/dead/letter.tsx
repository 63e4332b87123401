import { useState } from 'react'
import { Link } from 'wouter'
import type { DeadEntry, DeadShown } from 'flowguard/answers'
import { useAsk } from '../../api/use-ask.ts'
import { linkTo } from '../../state/address.ts'
import { Badge, Button, Facts, Failure, Loading, Time } from '../../ui/basics.tsx'
import { Aside } from '../../ui/dialog.tsx'
import { Json } from '../../ui/json.tsx'

interface Props {
  id: string
  onClose: () => void
  onSettle: (action: 'retry' | 'drop', letter: DeadEntry) => void
}

/** One letter: raw and decoded, what is wrong with it, and what was done. */
export function Letter({ id, onClose, onSettle }: Props) {
  const { data, error, reload } = useAsk<DeadShown>(`/api/dead/${id.split('/').map(encodeURIComponent).join('/')}`, { everyMs: 5_000 })
  return (
    <Aside title={id} onClose={onClose}>
      {error && !data ? (
        <Failure error={error} onRetry={reload} />
      ) : data ? (
        <Shown letter={data} onSettle={onSettle} />
      ) : (
        <Loading what="the letter" />
      )}
    </Aside>
  )
}

function Shown({ letter, onSettle }: { letter: DeadShown; onSettle: Props['onSettle'] }) {
  const { reason, reader, detail, fault, died_at: at, tries, state, event_id: eventId, topic, partition, offset, headers, actions } = letter
  return (
    <div className="flex flex-col">
      <div className="flex flex-col gap-3 border-b border-line p-3">
        <p className="rounded-md bg-bad-soft px-2 py-1.5 break-words text-bad">
          {reason}: {detail}
          {fault !== null && fault !== detail && <span className="block">As an event: {fault}</span>}
        </p>
        <Facts
          of={[
            [
              'state',
              <Badge key="state" tone={state === 'waiting' ? 'warn' : 'plain'}>
                {state}
              </Badge>,
            ],
            ['died', <Time key="at" iso={at} />],
            ['buried by', reader],
            ['tries', tries],
            [
              'key',
              <span key="key" className="font-mono text-xs break-all">
                {letter.key ?? 'none'}
              </span>,
            ],
          ]}
        />
        <div className="flex flex-wrap gap-2">
          {state === 'waiting' && (
            <>
              <Button kind="primary" onClick={() => onSettle('retry', letter)}>
                Retry
              </Button>
              <Button kind="danger" onClick={() => onSettle('drop', letter)}>
                Drop
              </Button>
            </>
          )}
          {eventId !== null && (
            <Link
              href={linkTo('/trace', { id: eventId })}
              className="inline-flex h-7.5 items-center text-accent underline underline-offset-2"
            >
              Trace
            </Link>
          )}
          <Link
            href={linkTo('/topics', { topic, partition, offset, open: `${partition}:${offset}` })}
            className="inline-flex h-7.5 items-center text-accent underline underline-offset-2"
          >
            In its topic
          </Link>
        </div>
        {actions.length > 0 && (
          <ul aria-label="What was done" className="flex flex-col gap-1">
            {actions.map((action) => (
              <li key={action.at + action.action}>
                <Badge>{action.action}</Badge> <Time iso={action.at} /> <span className="text-muted">{action.reason}</span>
              </li>
            ))}
          </ul>
        )}
      </div>
      <Bytes letter={letter} />
      <h3 className="border-t border-line px-3 pt-3 font-semibold">Headers</h3>
      <Json value={headers} label="The headers" />
    </div>
  )
}

function Bytes({ letter: { raw, decoded, value_base64: base64 } }: { letter: DeadShown }) {
  const forms = [...(decoded === undefined ? [] : ['decoded']), 'raw', 'base64']
  const [chosen, setChosen] = useState(forms[0])
  return (
    <>
      <div role="group" aria-label="The bytes as" className="flex gap-1 px-3 pt-3">
        {forms.map((form) => (
          <button
            key={form}
            type="button"
            aria-pressed={form === chosen}
            className={`rounded px-2 py-0.5 capitalize ${form === chosen ? 'bg-accent-soft font-medium text-accent' : 'text-muted hover:bg-hover'}`}
            onClick={() => setChosen(form)}
          >
            {form}
          </button>
        ))}
      </div>
      {chosen === 'decoded' ? (
        <Json value={decoded} label="The bytes as JSON" />
      ) : (
        <pre
          role="group"
          aria-label={`The bytes, ${chosen}`}
          tabIndex={0}
          className="max-h-96 overflow-auto p-3 font-mono text-xs break-all whitespace-pre-wrap"
        >
          {chosen === 'raw' ? raw : base64}
        </pre>
      )}
    </>
  )
}
