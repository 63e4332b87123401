import { Link } from 'wouter'
import type { RecordWhole } from 'flowguard/answers'
import { useAsk } from '../../api/use-ask.ts'
import { bytes } from '../../model/format.ts'
import { linkTo, useAddress } from '../../state/address.ts'
import { Button, Facts, Failure, Loading, Time } from '../../ui/basics.tsx'
import { Aside } from '../../ui/dialog.tsx'
import { Json } from '../../ui/json.tsx'
import { Mono } from '../../ui/record-link.tsx'
import { Segments } from '../../ui/segments.tsx'

/** One record, whole: its value, its headers, and the way to its trace. */
export function RecordAside({ topic, place, onClose }: { topic: string; place: string; onClose: () => void }) {
  const [partition, offset] = place.split(':')
  const { data, error, reload } = useAsk<RecordWhole>(`/api/topics/${topic}/records/${partition}/${offset}`)
  return (
    <Aside title={`${topic}-${partition}@${offset}`} onClose={onClose}>
      {error ? <Failure error={error} onRetry={reload} /> : data ? <Shown record={data} /> : <Loading what="the record" />}
    </Aside>
  )
}

function Shown({ record }: { record: RecordWhole }) {
  const { event_id: eventId, appended_at: at, key, headers, trace_id: traceId, decoded, value, value_base64: base64 } = record
  const { get, set } = useAddress()
  const isRaw = get('as') === 'raw'
  return (
    <>
      <div className="flex flex-col gap-3 border-b border-line p-3">
        <Facts
          of={[
            ['appended', <Time key="at" iso={at} />],
            ['key', <Mono key="key">{key ?? 'none'}</Mono>],
            ['type', record.type ?? 'none'],
            ['size', bytes(record.bytes)],
            ...(traceId === null ? [] : [['trace id', <Mono key="trace">{traceId}</Mono>] as const]),
          ]}
        />
        <div className="flex flex-wrap gap-2">
          {eventId !== null && (
            <Link
              href={linkTo('/trace', { id: eventId })}
              className="inline-flex h-7.5 items-center rounded-md bg-accent px-2.5 font-medium text-on-accent"
            >
              Trace {eventId.length > 20 ? `${eventId.slice(0, 8)}…` : eventId}
            </Link>
          )}
          <Button onClick={() => void navigator.clipboard.writeText(value)}>Copy the value</Button>
        </div>
      </div>
      <div className="flex min-h-7.5 items-center justify-between gap-2 px-3 pt-3">
        <h3 className="font-semibold">Value</h3>
        {decoded !== undefined && (
          <Segments
            label="The value as"
            choices={[
              ['decoded', 'decoded'],
              ['raw', 'raw'],
            ]}
            chosen={isRaw ? 'raw' : 'decoded'}
            onChoose={(form) => set({ as: form === 'raw' ? form : null }, { replace: true })}
          />
        )}
      </div>
      {decoded !== undefined && !isRaw ? (
        <Json value={decoded} label="The value as JSON" />
      ) : (
        <pre role="group" aria-label="The value as text" tabIndex={0} className="p-3 font-mono text-xs break-all whitespace-pre-wrap">
          {value}
        </pre>
      )}
      {base64 !== null && <p className="px-3 pb-3 font-mono text-xs break-all text-muted">Not UTF-8; as base64: {base64}</p>}
      <h3 className="border-t border-line px-3 pt-3 font-semibold">Headers</h3>
      {Object.keys(headers).length > 0 ? <Json value={headers} label="The headers" /> : <p className="p-3 text-muted">None.</p>}
    </>
  )
}
