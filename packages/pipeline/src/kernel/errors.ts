/** Every way in which the machine, a store or a setting can fail: whether trying again can help, and what the operator should do. */
const CODES = {
  log_unavailable: {
    retriable: true,
    advice: 'The store of the log cannot be written just now; see the cause. Nothing that was accepted is lost.',
  },
  queue_full: { retriable: true, advice: 'Events arrive faster than the disk takes them. Send again after the time given.' },
  disk_full: {
    retriable: true,
    advice: 'Free some space on the disk that holds DATA_DIR; nothing accepted is lost, and it goes on by itself.',
  },
  memory_full: {
    retriable: true,
    advice:
      'Redis has reached its maxmemory: give it more, or start more workers. What every reader has passed is trimmed by itself once its topic no longer keeps it; nothing accepted is lost.',
  },
  record_too_large: {
    retriable: true,
    advice:
      'A topic on Kafka takes less than it is declared with: `npx flowguard topics plan` shows its max.message.bytes, `topics apply` mends it, and it goes on by itself.',
  },
  counters_unavailable: {
    retriable: true,
    advice:
      'The counters on Redis (COUNTERS_URL) do not answer, or are being filled again from the ledger; that goes on by itself. Nothing is lost: what they have yet to be told waits in pipeline.db.',
  },
  store_busy: { retriable: true, advice: 'Another process holds the store. It goes on once that one is done.' },
  database_unavailable: {
    retriable: true,
    advice: 'PostgreSQL does not answer just now; see the cause. Nothing that was accepted is lost, and it goes on by itself once it does.',
  },
  database_refused: {
    retriable: false,
    advice:
      'PostgreSQL answers, and does not let this user in: make the role and the database that DATABASE_URL names, or mend its password.',
  },
  store_missing: { retriable: true, advice: 'Start FlowGuard once (`npx flowguard up`), or give the right --data-dir.' },
  store_unwritable: {
    retriable: false,
    advice: 'Give the user that runs FlowGuard the right to write there, or set DATA_DIR to another folder.',
  },
  store_corrupt: {
    retriable: false,
    advice:
      'Stop FlowGuard and put back this file (with its -wal) from a backup. Nothing after the damage is read, so that nothing is counted wrongly.',
  },
  store_newer: { retriable: false, advice: 'This data was written by a newer FlowGuard. Use that version, or another data folder.' },
  log_replaced: {
    retriable: false,
    advice:
      'The log is not the one that this reader knows. Put the old log back, or, where that is gone for good, move away all that was made from it: docs/OPERATIONS.md says what that is.',
  },
  log_truncated: {
    retriable: false,
    advice: 'The log ends before the place that this reader had reached: it was put back from an older copy. Put the newer one back.',
  },
  log_expired: {
    retriable: true,
    advice:
      'The log deleted records before this reader had read them: it was behind for longer than the topic is kept. It goes on behind them, and `npx flowguard audit` shows them as expired. Raise retention_days in config/kafka/topics.yaml; docs/OPERATIONS.md says what else to do.',
  },
  driver_missing: { retriable: false, advice: 'Install the package that it names, or choose another engine.' },
  place_moved: { retriable: false, advice: 'Another process reads under the same name. Stop one of them.' },
  place_lost: {
    retriable: false,
    advice:
      'Kafka has forgotten how far these topics were shipped: it keeps the places of a group for a week after their last commit (offsets.retention.minutes). Delete the topics named, on Kafka alone, with kafka-topics.sh, and start: they are made again, and filled with all that pipeline.db keeps.',
  },
  data_locked: { retriable: false, advice: 'FlowGuard already runs on this data folder. Stop it there, or use another with --data-dir.' },
  not_stopped: {
    retriable: false,
    advice:
      'An erasure, and a look at what it would do, need this data folder for themselves: stop FlowGuard there, with every process of its workers, then ask again.',
  },
  port_taken: {
    retriable: false,
    advice: 'Stop what listens there, or choose other ports: GATEWAY_PORT, CATALOG_PORT, OPS_PORT, STORE_PORT, METRICS_PORT.',
  },
  keys_required: {
    retriable: false,
    advice:
      'Listening beyond this machine needs a write key: make one with `npx flowguard keys add NAME`, or set WRITE_KEYS=off to say that none is wanted.',
  },
  settings_invalid: {
    retriable: false,
    advice: '`npx flowguard doctor` lists what is wrong with the settings; docs/OPERATIONS.md says what each may be.',
  },
  mapping_invalid: {
    retriable: false,
    advice:
      'Mend the mapping: one SELECT over `input` (data/README.md; try_cast for what may be no number). With --dry-run, replay shows what comes of it, and sends nothing.',
  },
  person_missing: { retriable: false, advice: 'Check the id: it is the user_id that events name the person by. Nothing was changed.' },
  file_invalid: { retriable: false, advice: 'Mend the file at the place given.' },
  file_missing: { retriable: false, advice: 'Give the path of a file that is there.' },
  unreachable: { retriable: true, advice: 'Start it with `npx flowguard up`, or set GATEWAY_URL or OPS_URL to where it runs.' },
  refused: { retriable: false, advice: 'Its answer says why.' },
  unauthorized: { retriable: false, advice: 'Put a key made with `npx flowguard keys add NAME` into WRITE_KEY.' },
  warehouse_held: {
    retriable: true,
    advice:
      'Another process has the warehouse file open, or on Snowflake makes the tables of this data folder. Where that is FlowGuard, it answers for all: is OPS_URL its address? Any other is to be ended.',
  },
  warehouse_corrupt: {
    retriable: false,
    advice:
      'Stop FlowGuard and restore the warehouse from the logs: `npx flowguard warehouse rebuild --force` (the old file is moved aside).',
  },
  warehouse_missing: {
    retriable: false,
    advice:
      'In DuckDB: start FlowGuard, which makes it. On Snowflake: `npx flowguard warehouse init`. Where it was lost: put it back, or stop FlowGuard and restore it from the logs with `npx flowguard warehouse rebuild`; on Snowflake, or where WAREHOUSE_URL names another one now, begin with a new DATA_DIR: `npx flowguard replay` fills it from the lake of the old one.',
  },
  warehouse_denied: {
    retriable: false,
    advice:
      'Snowflake answers, and does not let this user in: mend user, account, role and private_key_file in WAREHOUSE_URL, or have its administrator do so (docs/DEPLOYMENT.md says what the user needs).',
  },
  warehouse_unsupported: {
    retriable: false,
    advice: 'This is done on the warehouse in DuckDB alone: WAREHOUSE_URL=duckdb:. docs/DEPLOYMENT.md says what works on Snowflake.',
  },
  warehouse_failed: { retriable: true, advice: 'The warehouse cannot be used just now; see the cause. Nothing is lost: the log keeps it.' },
  query_refused: {
    retriable: false,
    advice:
      'Give one statement that only reads the warehouse: SELECT, WITH, SHOW or DESCRIBE, in DuckDB FROM, SUMMARIZE and EXPLAIN too; files and settings are out of its reach.',
  },
  query_failed: {
    retriable: false,
    advice: 'Mend the statement; `select table_schema, table_name from information_schema.tables` lists what there is.',
  },
  query_stopped: { retriable: false, advice: 'Ask for less (fewer days, fewer columns), or give it longer: `sql --timeout SECONDS`.' },
  lake_unavailable: {
    retriable: true,
    advice: 'The store of the lake does not answer just now; see the cause. Nothing is lost: the log keeps what the lake has yet to take.',
  },
  lake_missing: {
    retriable: false,
    advice:
      'Make the bucket, or set LAKE_URL to one that is there (s3://bucket/prefix; file:FOLDER; off for none), and AWS_REGION to its region.',
  },
  lake_denied: {
    retriable: false,
    advice:
      'Give FlowGuard keys (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, or a profile) that may list, read, write and delete under LAKE_URL.',
  },
  lake_unfenced: {
    retriable: false,
    advice:
      'Use a store that can refuse to write what is there already (S3: conditional writes, If-None-Match; a folder: links). Without it two lakes could write one manifest.',
  },
  etl_running: {
    retriable: true,
    advice: 'One run at a time: wait until it is done (`npx flowguard etl runs` shows it), then ask again.',
  },
  etl_order: { retriable: true, advice: 'Make first what it names: a table is made from those that it reads (docs/MODELS.md).' },
  model_missing: { retriable: false, advice: 'docs/MODELS.md lists the tables of silver and gold.' },
  click_missing: {
    retriable: true,
    advice:
      'See that the event is a click, and the user the one who clicked (`npx flowguard trace EVENT_ID`); what came just now is to be loaded first.',
  },
  not_level: {
    retriable: true,
    advice:
      'Reconciliation compares what everybody has read: start FlowGuard, let billing and loader catch up (`npx flowguard groups` shows them), then ask again.',
  },
  not_whole: {
    retriable: false,
    advice:
      'The warehouse was made anew from a log that no longer had everything, or its log lost records unread: what it never held cannot be held against the ledger. Reconcile later days.',
  },
  channel_unavailable: {
    retriable: true,
    advice:
      'A channel of config/alerts.yaml cannot be used just now; see the cause. It goes on by itself, holds up no other, and its alerts wait: `npx flowguard alerts channels`.',
  },
  channel_refused: {
    retriable: false,
    advice:
      'The receiver will never take this as it is: mend the channel in config/alerts.yaml, and try it with `npx flowguard alerts test`.',
  },
  flink_unreachable: {
    retriable: true,
    advice:
      'Start Flink, its SQL Gateway too (`npm run engines`, compose.yaml), or set FLINK_GATEWAY_URL and FLINK_JOBS_URL to where they run.',
  },
  flink_refused: {
    retriable: false,
    advice:
      'Its answer says why. Flink needs the connector to Kafka of its own version, and must reach the brokers by the names in FLINK_BROKERS.',
  },
  flink_running: { retriable: false, advice: 'One job a prefix of topics. `npx flowguard stream flink stop` ends it with a savepoint.' },
  flink_not_running: { retriable: false, advice: '`npx flowguard stream flink deploy` starts it.' },
  flink_failed: {
    retriable: false,
    advice: '`npx flowguard stream flink status` shows what went wrong. Once that is mended, deploy again: it goes on where it was.',
  },
  flink_state_missing: {
    retriable: false,
    advice:
      'Name the savepoint or checkpoint to go on from: `stream flink deploy --from file:///…/chk-7`. Only where the rows it wrote are gone too: `--from beginning`, which writes all of them again.',
  },
  spark_missing: {
    retriable: false,
    advice:
      'Install Spark 4.1 and Java 17 and set SPARK_HOME to its folder (`pip install pyspark==4.1.4` is enough on one machine), or set BATCH_ENGINE=warehouse.',
  },
  spark_failed: {
    retriable: false,
    advice:
      'Its log says why; silver and gold are as they were. Once that is mended: `npx flowguard etl backfill --resume`. Where memory was too little: SPARK_CONF="spark.driver.memory=4g".',
  },
  lake_behind: {
    retriable: true,
    advice:
      'The lake writes once a minute (LAKE_AGE_MS) while FlowGuard runs: start it, see `npx flowguard groups` for the reader lake, then `npx flowguard etl backfill --resume`.',
  },
  lake_lacking: {
    retriable: false,
    advice:
      'Spark reads the lake, whose records are not those of the warehouse. Run with BATCH_ENGINE=warehouse, or begin with another lake and warehouse.',
  },
  part_failed: { retriable: false, advice: 'See `npx flowguard logs`, with the same --data-dir, for what went before.' },
} as const satisfies Record<string, { retriable: boolean; advice: string }>

export type ErrorCode = keyof typeof CODES

export const isErrorCode = (code: unknown): code is ErrorCode => typeof code === 'string' && Object.hasOwn(CODES, code)

/** A failure that is not a bug and not a client's bad data. `detail` says what and where. */
export class FlowGuardError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, detail: string, cause?: unknown) {
    super(detail, cause === undefined ? undefined : { cause })
    this.name = 'FlowGuardError'
    this.code = code
  }

  /** Whether the same thing may succeed a moment later. */
  get retriable(): boolean {
    return CODES[this.code].retriable
  }

  get advice(): string {
    return CODES[this.code].advice
  }
}

export function hasCode(error: unknown, ...codes: ErrorCode[]): boolean {
  return error instanceof FlowGuardError && codes.includes(error.code)
}
