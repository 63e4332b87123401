import { Link } from 'wouter'
import type { RecordWhole } from 'flowguard/answers'
import { useAsk } from '../../api/use-ask.ts'
import { bytes } from '../../model/format.ts'
import { linkTo } from '../../state/address.ts'
import { Button, Facts, Failure, Loading, Time } from '../../ui/basics.tsx'
import { Aside } from '../../ui/dialog.tsx'
import { Json } from '../../ui/json.tsx'

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
  return (
    <>
      <div className="flex flex-col gap-3 border-b border-line p-3">
        <Facts
          of={[
            ['appended', <Time key="at" iso={at} />],
            [
              'key',
              <span key="key" className="font-mono text-xs break-all">
                {key ?? 'none'}
              </span>,
            ],
            ['type', record.type ?? 'none'],
            ['size', bytes(record.bytes)],
            ...(traceId === null
              ? []
              : [
                  [
                    'trace id',
                    <span key="trace" className="font-mono text-xs break-all">
                      {traceId}
                    </span>,
                  ] as const,
                ]),
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
      <h3 className="px-3 pt-3 font-semibold">Value</h3>
      {decoded !== undefined ? (
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
