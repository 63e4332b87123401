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
  store_busy: { retriable: true, advice: 'Another process holds the store. It goes on once that one is done.' },
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
    advice: 'The log is not the one that this reader knows. Put the old log back, or move the pipeline data away too and start afresh.',
  },
  log_truncated: {
    retriable: false,
    advice: 'The log ends before the place that this reader had reached: it was put back from an older copy. Put the newer one back.',
  },
  place_moved: { retriable: false, advice: 'Another process reads under the same name. Stop one of them.' },
  data_locked: { retriable: false, advice: 'FlowGuard already runs on this data folder. Stop it there, or use another with --data-dir.' },
  port_taken: { retriable: false, advice: 'Stop what listens there, or choose other ports: GATEWAY_PORT, CATALOG_PORT, OPS_PORT.' },
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
  file_invalid: { retriable: false, advice: 'Mend the file at the place given.' },
  file_missing: { retriable: false, advice: 'Give the path of a file that is there.' },
  unreachable: { retriable: true, advice: 'Start it with `npx flowguard up`, or set GATEWAY_URL or OPS_URL to where it runs.' },
  refused: { retriable: false, advice: 'Its answer says why.' },
  unauthorized: { retriable: false, advice: 'Put a key made with `npx flowguard keys add NAME` into WRITE_KEY.' },
  warehouse_held: {
    retriable: true,
    advice:
      'Another process has the warehouse file open. Where that is FlowGuard, it answers for all: is OPS_URL its address? Any other is to be ended.',
  },
  warehouse_corrupt: {
    retriable: false,
    advice:
      'Stop FlowGuard and restore the warehouse from the logs: `npx flowguard warehouse rebuild --force` (the old file is moved aside).',
  },
  warehouse_missing: {
    retriable: false,
    advice:
      'Start FlowGuard, which makes it. Where it was lost: put it back, or stop FlowGuard and restore it from the logs with `npx flowguard warehouse rebuild`.',
  },
  warehouse_failed: { retriable: true, advice: 'The warehouse cannot be used just now; see the cause. Nothing is lost: the log keeps it.' },
  query_refused: {
    retriable: false,
    advice:
      'Give one statement that only reads the warehouse: SELECT, FROM, WITH, DESCRIBE, SHOW, SUMMARIZE or EXPLAIN; files and settings are out of its reach.',
  },
  query_failed: { retriable: false, advice: 'Mend the statement; `SHOW ALL TABLES` lists what there is.' },
  query_stopped: { retriable: false, advice: 'Ask for less (fewer days, fewer columns), or give it longer: `sql --timeout SECONDS`.' },
  etl_running: {
    retriable: true,
    advice: 'One run at a time: wait until it is done (`npx flowguard etl runs` shows it), then ask again.',
  },
  part_failed: { retriable: false, advice: 'See `npx flowguard logs` for what went before.' },
} as const satisfies Record<string, { retriable: boolean; advice: string }>

export type ErrorCode = keyof typeof CODES

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
