import { Command } from 'commander'
import { hasCode } from '../kernel/errors.ts'
import { contextOf, EXIT, example, outputOf, type Cli } from './cli.ts'
import { machineChecks, runChecks, settingsChecks, type Finding } from './doctor-checks.ts'
import type { Output } from './output.ts'

export function doctorCommand(cli: Cli): Command {
  return new Command('doctor')
    .description(
      'checks the machine, the settings and the engines that they name, and says how to mend what is wrong; exits 1 if something is',
    )
    .addHelpText('after', example('doctor', 'doctor --json'))
    .action(async (_options: object, command: Command) => {
      const findings = [...(await runChecks(machineChecks(cli.io.clock))), ...(await settingsFindings(cli, command))]
      print(outputOf(cli, command), findings)
      cli.exitCode = findings.some(({ state }) => state === 'fail') ? EXIT.failed : EXIT.done
    })
}

/** Bad settings are what a doctor is asked about: a finding each, where every other command stops. */
async function settingsFindings(cli: Cli, command: Command): Promise<Finding[]> {
  try {
    const { settings, io } = contextOf(cli, command)
    return [{ name: 'settings', state: 'ok', detail: 'all can be read' }, ...(await runChecks(settingsChecks(settings, io.clock)))]
  } catch (error) {
    if (!hasCode(error, 'settings_invalid')) throw error
    const faults = (error as Error).message.split('; ')
    return faults.map((detail) => ({
      name: 'settings',
      state: 'fail',
      detail,
      advice: 'Correct it where it was set: flag, environment or .env.',
    }))
  }
}

function print(out: Output, findings: readonly Finding[]): void {
  if (out.isJson) return out.json({ ok: findings.every(({ state }) => state !== 'fail'), findings })
  const c = out.colors
  const marks = { ok: c.green('✓'), warn: c.yellow('!'), fail: c.red('✗') }
  const width = Math.max(...findings.map(({ name }) => name.length))
  for (const { name, state, detail, advice } of findings) {
    out.line(`${marks[state]} ${c.bold(name.padEnd(width))}  ${detail}`)
    if (advice) out.line(`  ${' '.repeat(width)}  ${c.dim(`→ ${advice}`)}`)
  }
  const [fails, warns] = (['fail', 'warn'] as const).map((wanted) => findings.filter(({ state }) => state === wanted).length)
  out.line()
  out.line(
    fails
      ? c.red(`${fails} to mend${warns ? `, ${warns} to look at` : ''}.`)
      : warns
        ? c.yellow(`Nothing to mend, ${warns} to look at.`)
        : c.green('All is well.'),
  )
}
