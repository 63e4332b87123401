import { Link } from 'wouter'
import { linkTo } from '../state/address.ts'

interface Place {
  topic: string
  partition: number | string
  offset: number | string
}

/** A record of the log, by its place. */
export function RecordLink({ topic, partition, offset }: Place) {
  return (
    <Link href={recordAddress({ topic, partition, offset })} className="num break-all text-accent underline underline-offset-2">
      {topic}-{partition}@{offset}
    </Link>
  )
}

export const recordAddress = ({ topic, partition, offset }: Place): string =>
  linkTo('/topics', { topic, partition, offset, open: `${partition}:${offset}` })

/** An id or a key, as it is. */
export function Mono({ children }: { children: string }) {
  return <span className="font-mono text-xs break-all">{children}</span>
}
