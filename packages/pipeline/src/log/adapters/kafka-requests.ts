import { FlowGuardError } from '../../kernel/errors.ts'
import { Writer, type Reader, type Wire } from './kafka-wire.ts'

/** The few requests that the driver has no function for. */

const TOPIC_RESOURCE = 2
const SET = 0
const GROUP_COORDINATOR = 0
const NO_GENERATION = -1
const UNKNOWN_TOPIC = 3
const READ_UNCOMMITTED = 0
const READ_COMMITTED = 1
const DELETE_MS_MAX = 4_000

export interface TopicFacts {
  name: string
  /** Made with the topic: one that is deleted and made again has another. */
  id: string
  /** The copies of each partition. */
  copies: readonly number[]
  /** The broker that leads each partition, -1 where none does. */
  leaders: readonly number[]
  /** Whether every partition can be written and read. */
  isReady: boolean
}

export interface Cluster {
  id: string
  /** `host:port` of each broker that is there, by its number. */
  brokers: ReadonlyMap<number, string>
  topics: readonly TopicFacts[]
}

/** The topics of these names that there are, or all. */
export async function cluster(wire: Wire, names: readonly string[] | null): Promise<Cluster> {
  const body = new Writer()
  body.array(names, (name) => body.uuid().text(name).end())
  const answer = await wire.ask({ key: 3, version: 12, body: body.int8(0).int8(0).end() })
  answer.int32()
  const brokers = answer.array(() => {
    const broker = [answer.int32(), hostPort(answer.text(), answer.int32())] as const
    answer.text()
    answer.end()
    return broker
  })
  const id = answer.text()
  answer.int32()
  const topics = answer.array(() => topicIn(answer))
  return { id, brokers: new Map(brokers), topics: topics.filter((each) => each !== undefined) }
}

function topicIn(answer: Reader): TopicFacts | undefined {
  const error = answer.int16()
  const name = answer.text()
  const id = answer.uuid()
  answer.int8()
  const partitions = answer.array(() => {
    const fault = answer.int16()
    const number = answer.int32()
    const leader = answer.int32()
    answer.int32()
    const replicas = answer.array(answer.int32)
    answer.array(answer.int32)
    answer.array(answer.int32)
    answer.end()
    return { number, leader, copies: replicas.length, isReady: fault === 0 && leader >= 0 }
  })
  answer.int32()
  answer.end()
  if (error === UNKNOWN_TOPIC) return undefined
  const inOrder = partitions.toSorted((a, b) => a.number - b.number)
  return {
    name,
    id,
    copies: inOrder.map(({ copies }) => copies),
    leaders: inOrder.map(({ leader }) => leader),
    isReady: error === 0 && partitions.length > 0 && partitions.every(({ isReady }) => isReady),
  }
}

/** The settings of each topic, its own or the brokers'. */
export async function topicSettings(
  wire: Wire,
  names: readonly string[],
  keys: readonly string[],
): Promise<Map<string, Map<string, string>>> {
  const body = new Writer()
  body.array(names, (name) =>
    body
      .int8(TOPIC_RESOURCE)
      .text(name)
      .array(keys, (key) => void body.text(key))
      .end(),
  )
  const answer = await wire.ask({ key: 32, version: 4, body: body.int8(0).int8(0).end() })
  answer.int32()
  return new Map(
    answer.array(() => {
      refuse(`the settings of its topics cannot be read`, answer.int16(), answer.text())
      answer.int8()
      const name = answer.text()
      const settings = answer.array((): [string, string] => {
        const found: [string, string] = [answer.text(), answer.text()]
        answer.int8()
        answer.int8()
        answer.int8()
        answer.array(() => void [answer.text(), answer.text(), answer.int8(), answer.end()])
        answer.int8()
        answer.text()
        answer.end()
        return found
      })
      answer.end()
      return [name, new Map(settings)] as const
    }),
  )
}

export async function setTopicSettings(wire: Wire, topic: string, settings: Readonly<Record<string, string>>): Promise<void> {
  const body = new Writer()
  body.array([topic], () =>
    body
      .int8(TOPIC_RESOURCE)
      .text(topic)
      .array(Object.entries(settings), ([key, value]) => void body.text(key).int8(SET).text(value).end())
      .end(),
  )
  const answer = await wire.ask({ key: 44, version: 1, body: body.int8(0).end() })
  answer.int32()
  answer.array(() => refuse(`the settings of ${topic} cannot be changed`, answer.int16(), answer.text()))
}

/** The broker, as `host:port`, that keeps the places of a group. */
export async function coordinator(wire: Wire, group: string): Promise<string> {
  const answer = await wire.ask({ key: 10, version: 3, body: new Writer().text(group).int8(GROUP_COORDINATOR).end() })
  answer.int32()
  refuse(`no broker keeps the places of ${group}`, answer.int16(), answer.text())
  answer.int32()
  return hostPort(answer.text(), answer.int32())
}

const hostPort = (host: string, port: number) => `${host.includes(':') ? `[${host}]` : host}:${port}`

export interface FoundOffset {
  partition: number
  /** -1 where there is none of that time. */
  offset: number
  timestamp: number
}

/** The first offset of that time or later, in partitions that the broker leads; `isCommitted`: of what is. */
export async function offsetsAt(
  wire: Wire,
  topic: string,
  partitions: readonly number[],
  { time, isCommitted }: { time: number; isCommitted: boolean },
): Promise<FoundOffset[]> {
  const body = new Writer().int32(-1).int8(isCommitted ? READ_COMMITTED : READ_UNCOMMITTED)
  body.array([topic], () =>
    body
      .text(topic)
      .array(partitions, (partition) => void body.int32(partition).int32(-1).int64(time).end())
      .end(),
  )
  const answer = await wire.ask({ key: 2, version: 7, body: body.end() })
  answer.int32()
  return answer
    .array(() => {
      answer.text()
      const found = answer.array((): FoundOffset => {
        const partition = answer.int32()
        refuse(`the ends of ${topic}-${partition} cannot be read`, answer.int16(), '')
        const [timestamp, offset] = [answer.int64(), answer.int64()]
        answer.int32()
        answer.end()
        return { partition, offset, timestamp }
      })
      answer.end()
      return found
    })
    .flat()
}

/** Deletes what lies before these offsets, in partitions that the broker leads. */
export async function deleteBefore(wire: Wire, topic: string, before: ReadonlyMap<number, number>): Promise<void> {
  const body = new Writer()
  body.array([topic], () =>
    body
      .text(topic)
      .array([...before], ([partition, offset]) => void body.int32(partition).int64(offset).end())
      .end(),
  )
  const answer = await wire.ask({ key: 21, version: 2, body: body.int32(DELETE_MS_MAX).end() })
  answer.int32()
  answer.array(() => {
    answer.text()
    answer.array(() => {
      const partition = answer.int32()
      answer.int64()
      refuse(`nothing can be deleted of ${topic}-${partition}`, answer.int16(), '')
      answer.end()
    })
    answer.end()
  })
}

export interface GroupPlace {
  topic: string
  partition: number
  next: number
}

/** As a tool would set them: who commits so is no member of the group. */
export async function commitPlaces(wire: Wire, group: string, places: readonly GroupPlace[]): Promise<void> {
  const body = new Writer().text(group).int32(NO_GENERATION).text('').text(null)
  body.array([...new Set(places.map(({ topic }) => topic))], (topic) =>
    body
      .text(topic)
      .array(
        places.filter((each) => each.topic === topic),
        ({ partition, next }) => void body.int32(partition).int64(next).int32(-1).text('').end(),
      )
      .end(),
  )
  const answer = await wire.ask({ key: 8, version: 8, body: body.end() })
  answer.int32()
  answer.array(() => {
    answer.text()
    answer.array(() => {
      answer.int32()
      refuse(`the places of ${group} cannot be told`, answer.int16(), '')
      answer.end()
    })
    answer.end()
  })
}

/** https://kafka.apache.org/protocol#protocol_error_codes */
function refuse(what: string, error: number, text: string): void {
  if (error !== 0) throw new FlowGuardError('log_unavailable', `${what}: Kafka's error ${error}${text ? `, ${text}` : ''}`)
}
