import { Link } from 'wouter'
import type { RecordWhole } from 'flowguard/answers'
import { useAsk } from '../../api/use-ask.ts'
import { linkTo } from '../../state/address.ts'
import { Badge, Facts, Failure, Loading, RecordLink, Time } from '../../ui/basics.tsx'
import { Aside } from '../../ui/dialog.tsx'
import { Json } from '../../ui/json.tsx'
import { SEVERITIES, SEVERITY_TONES } from '../../ui/severity.ts'

const TOPIC = 'alerts.v1'
const PARTITION = 0
const LINK = 'inline-flex h-7.5 items-center text-accent underline underline-offset-2'

/** One alert: what it says, all of it as JSON, and the way to what it is about. */
export function AlertAside({ offset, onClose }: { offset: string; onClose: () => void }) {
  const { data, error, reload } = useAsk<RecordWhole>(`/api/topics/${TOPIC}/records/${PARTITION}/${encodeURIComponent(offset)}`)
  return (
    <Aside title={`Alert ${offset}`} onClose={onClose}>
      {error ? <Failure error={error} onRetry={reload} /> : data ? <Shown record={data} offset={offset} /> : <Loading what="the alert" />}
    </Aside>
  )
}

function Shown({ record: { decoded, value, appended_at: appended }, offset }: { record: RecordWhole; offset: string }) {
  // As it was written: one of an older form lacks some of this, or says it otherwise.
  const said = { ...(decoded as object | undefined) } as Record<string, unknown>
  const text = (name: string) => (typeof said[name] === 'string' ? said[name] : null)
  const [title, detail, kind] = [text('title'), text('detail'), text('kind') ?? 'unknown']
  const [advertiser, ad, date] = [text('advertiser_id'), text('ad_id'), text('date')]
  const raised = text('raised_at') ?? ''
  const severity = SEVERITIES.find((each) => each === said['severity']) ?? 'info'
  const about = [
    ['advertiser', advertiser],
    ['ad', ad],
    ['day', date],
  ] as const
  return (
    <>
      <div className="flex flex-col gap-3 border-b border-line p-3">
        <div>
          <p className="font-medium break-words">{title ?? kind}</p>
          {detail !== null && <p className="break-words text-muted">{detail}</p>}
        </div>
        <Facts
          of={[
            [
              'severity',
              <Badge key="severity" tone={SEVERITY_TONES[severity]}>
                {severity}
              </Badge>,
            ],
            ['kind', kind],
            ['raised', <Time key="raised" iso={Number.isNaN(Date.parse(raised)) ? appended : raised} />],
            ...about.flatMap(([name, value]) => (value === null ? [] : [[name, value] as const])),
          ]}
        />
        <div className="flex flex-wrap gap-x-4">
          {advertiser !== null && (
            <Link href={linkTo('/billing', { advertiser, ad, from: date, to: date })} className={LINK}>
              Its statement{date !== null && ' of that day'}
            </Link>
          )}
          <span className="inline-flex h-7.5 items-center">
            <RecordLink topic={TOPIC} partition={PARTITION} offset={Number(offset)}>
              In its topic
            </RecordLink>
          </span>
        </div>
      </div>
      {decoded === undefined ? (
        <pre role="group" aria-label="The alert as text" tabIndex={0} className="p-3 font-mono text-xs break-all whitespace-pre-wrap">
          {value}
        </pre>
      ) : (
        <Json value={decoded} label="The alert as JSON" />
      )}
    </>
  )
}
