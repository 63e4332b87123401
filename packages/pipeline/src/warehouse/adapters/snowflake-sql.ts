import { FlowGuardError } from '../../kernel/errors.ts'
import type { Param } from '../warehouse.ts'

/** Of SQL: comments, and what is quoted in one of its ways. What is left unended is a part of it too. */
const OPAQUE = /--[^\n]*|\/\/[^\n]*|\/\*[^]*?(?:\*\/|$)|'(?:[^'\\]|\\[^]|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|\$\$[^]*?(?:\$\$|$)/g
const READS = /^\s*\(*\s*(?:select|with|show|describe|desc)\b/i
/**
 * What may stand in such a statement and do more: a procedure (`with p as procedure … call p()`, `table(p())` of what is called by name), statements
 * behind one another, Snowflake's own functions that end sessions and transactions, by whatever name they are called, and files.
 */
const DOES_MORE = /\b(?:call|procedure)\b|\bidentifier(?=\s*\()|;\s*\S|->>|\bsystem\$\w*|\binto\b|@/i

/** The statement without what is not code: each piece is a space, or an empty name; a function of Snowflake's own keeps its name. */
const codeOf = (sql: string): string =>
  sql.replace(OPAQUE, (piece) => (!piece.startsWith('"') ? ' ' : /^"system\$/i.test(piece) ? piece : '""'))

/** Throws `query_refused` for what is not one statement that only reads. What it may read is for the role to say. */
export function needsReading(sql: string): void {
  const code = codeOf(sql)
  if (code.replaceAll(';', '').trim() === '') throw new FlowGuardError('query_refused', 'there is no statement')
  const more = DOES_MORE.exec(code)?.[0]
  if (more?.startsWith(';')) throw new FlowGuardError('query_refused', 'one statement at a time')
  if (more !== undefined) throw new FlowGuardError('query_refused', `${more} does more than read`)
  if (!READS.test(code))
    throw new FlowGuardError(
      'query_refused',
      `${code.trim().split(/\W/, 1)[0]} is not a statement that only reads: SELECT, WITH, SHOW or DESCRIBE is`,
    )
}

type Bind = string | number | boolean | null

/** `$2`, or the second `?`, as the `:2` that Snowflake has; texts are one text of JSON. */
export function bound(sql: string, params: readonly Param[]): { sqlText: string; binds: Bind[] } {
  let [at, inOrder] = [0, 0]
  let sqlText = ''
  const take = (code: string) => {
    sqlText += code.replace(/(?<![\w$"])\$(\d+)|\?/g, (_all, number: string | undefined) => `:${number ?? (inOrder += 1)}`)
  }
  if (params.length > 0) {
    for (const match of sql.matchAll(OPAQUE)) {
      take(sql.slice(at, match.index))
      sqlText += match[0]
      at = match.index + match[0].length
    }
    take(sql.slice(at))
  }
  const binds = params.map((param): Bind => (Array.isArray(param) ? JSON.stringify(param) : (param as Bind)))
  return { sqlText: params.length > 0 ? sqlText : sql, binds }
}

/** As Snowflake writes text: a backslash is not itself in it. */
export const quotedText = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
