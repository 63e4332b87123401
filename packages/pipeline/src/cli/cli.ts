import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { InvalidArgumentError, Option } from 'commander'
import { DAY_MS, dayOf, isDay } from '@flowguard/contract'
import { readSettings, type Settings } from '../kernel/config.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import type { Clock } from '../kernel/lifecycle.ts'
import { createOutput, type Output, type TextSink } from './output.ts'

export const EXIT = { done: 0, failed: 1, misused: 2, unhealthy: 3, interrupted: 130 } as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** What a command touches of the world around it; handed in, so that a test can hold it. */
export interface Io {
  stdout: TextSink
  stderr: TextSink
  /** Asking for it holds the process until it ends, so only a command that reads it asks. */
  stdin: () => AsyncIterable<Uint8Array> & { readonly isTTY?: boolean }
  env: NodeJS.ProcessEnv
  cwd: string
  clock: Clock
  random: () => number
  /** Aborts when the user interrupts. Asking for it takes over Ctrl-C, so only a command that heeds it asks. */
  readonly signal: AbortSignal
}

/** One run of the command line. A command leaves its exit code here. */
export interface Cli {
  io: Io
  exitCode: ExitCode
}

export interface Context {
  io: Io
  settings: Settings
  out: Output
}

interface GlobalOptions {
  dataDir?: string
  gatewayUrl?: string
  opsUrl?: string
  json?: boolean
}

/** The options of every command. */
export function globalOptions(): Option[] {
  return [
    new Option('--data-dir <dir>', 'folder of the stores and the logs (DATA_DIR)'),
    new Option('--gateway-url <url>', 'where the events gateway answers (GATEWAY_URL)'),
    new Option('--ops-url <url>', 'where the operations API answers (OPS_URL)'),
    new Option('--json', 'for machines: JSON on stdout'),
  ]
}

/** Reads the settings for a command. Throws `settings_invalid`. */
export function contextOf(cli: Cli, command: Command): Context {
  const { dataDir, gatewayUrl, opsUrl } = command.optsWithGlobals<GlobalOptions>()
  const flags = {
    ...(dataDir === undefined ? {} : { DATA_DIR: dataDir }),
    ...(gatewayUrl === undefined ? {} : { GATEWAY_URL: gatewayUrl }),
    ...(opsUrl === undefined ? {} : { OPS_URL: opsUrl }),
  }
  return { io: cli.io, settings: readSettings(flags, cli.io.env, cli.io.cwd), out: outputOf(cli, command) }
}

/** For a command that looks at what lies in the data folder, before it makes anything: a mistyped one is no empty one. Throws `store_missing`. */
export function needsFolder({ DATA_DIR }: Pick<Settings, 'DATA_DIR'>): void {
  if (!existsSync(DATA_DIR)) throw new FlowGuardError('store_missing', `the data folder ${DATA_DIR} does not exist`)
}

export function outputOf(cli: Cli, command: Command): Output {
  const { json } = command.optsWithGlobals<GlobalOptions>()
  const { stdout, stderr, env, clock } = cli.io
  return createOutput({ stdout, stderr, env, isJson: json === true, now: clock })
}

/** What commander is to do with a command: gives the work its settings and streams, and keeps the exit code that it resolves to. */
export function action<Options, Operands extends unknown[] = string[]>(
  cli: Cli,
  work: (context: Context, options: Options, ...operands: Operands) => Promise<ExitCode>,
) {
  return async (...given: unknown[]): Promise<void> => {
    const command = given.at(-1) as Command
    cli.exitCode = await work(contextOf(cli, command), given.at(-2) as Options, ...(given.slice(0, -2) as Operands))
  }
}

export const example = (...lines: string[]) => `\nExamples:\n${lines.map((line) => `  $ npx flowguard ${line}`).join('\n')}\n`

export function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(
        `It must be a whole number ${max === Number.MAX_SAFE_INTEGER ? `from ${min} on` : `from ${min} to ${max}`}.`,
      )
    }
    return value
  }
}

export function positiveNumber(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('It must be a number above 0.')
  return value
}

/** A share from 0 to 1. */
export function share(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0 && value <= 1)) throw new InvalidArgumentError('It must be a share from 0 to 1.')
  return value
}

export function portNumber(text: string): string {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) throw new InvalidArgumentError('It must be a port from 0 to 65535.')
  return text
}

/** A UTC day that is not to come; `today` and `yesterday` are ones. */
export function dayIn({ io }: Cli): (text: string) => string {
  return (text) => {
    const today = dayOf(io.clock())
    if (text === 'today') return today
    if (text === 'yesterday') return dayOf(io.clock() - DAY_MS)
    if (!isDay(text)) throw new InvalidArgumentError('It must be a day, 2026-01-31, or today or yesterday.')
    if (text > today) throw new InvalidArgumentError('It lies in the future.')
    return text
  }
}
