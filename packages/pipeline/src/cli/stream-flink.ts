import { Command } from 'commander'
import { stop } from '../stream/flink/deployment.ts'
import { flinkStatus, type FlinkStatus } from '../stream/flink/status.ts'
import { deployFlink, flinkSettings } from '../wiring/flink.ts'
import { action, EXIT, example, wholeNumber, type Cli, type Context, type ExitCode } from './cli.ts'
import { bytes, count, dateTime, pairs, type Colors } from './output.ts'

const PARALLELISM_MAX = 999

export function flinkCommand(cli: Cli): Command {
  return new Command('flink')
    .description('the same by SQL on Apache Flink, from Kafka to Kafka (engines/flink)')
    .addHelpText('after', example('stream flink deploy', 'stream flink status --json', 'stream flink stop'))
    .addCommand(deployCommand(cli))
    .addCommand(statusCommand(cli))
    .addCommand(stopCommand(cli))
}

function deployCommand(cli: Cli): Command {
  return new Command('deploy')
    .description('start the job; it goes on where the last one was stopped, or at its last checkpoint')
    .option('--from <place>', 'a savepoint or checkpoint to go on from; "beginning": anew, which writes every row again')
    .option('--parallelism <tasks>', 'tasks of each kind (FLINK_PARALLELISM)', wholeNumber(1, PARALLELISM_MAX))
    .addHelpText(
      'after',
      example('stream flink deploy', 'stream flink deploy --parallelism 4', 'stream flink deploy --from file:///var/flink/chk-7'),
    )
    .action(action<{ from?: string; parallelism?: number }>(cli, runDeploy))
}

function statusCommand(cli: Cli): Command {
  return new Command('status')
    .description('how the job is: its watermark, checkpoints, lag, restarts, and what went wrong')
    .addHelpText('after', example('stream flink status'))
    .action(action(cli, runStatus))
}

function stopCommand(cli: Cli): Command {
  return new Command('stop')
    .description('end the job with a savepoint, from which the next deploy goes on')
    .addHelpText('after', example('stream flink stop'))
    .action(action(cli, runStop))
}

async function runDeploy({ settings, out }: Context, options: { from?: string; parallelism?: number }): Promise<ExitCode> {
  const { gatewayUrl } = flinkSettings(settings)
  out.note(`Submitting to ${gatewayUrl}, and waiting for the first checkpoint…`)
  const deployed = await deployFlink(settings, options)
  if (out.isJson) out.json(deployed)
  else {
    const c = out.colors
    out.line(`${c.green('running')}: ${c.cyan(deployed.name)}, job ${deployed.job}`)
    out.line(deployed.from === null ? 'from the beginning of the log' : `from ${deployed.from}`)
  }
  return EXIT.done
}

async function runStatus({ settings, out }: Context): Promise<ExitCode> {
  const status = await flinkStatus(flinkSettings(settings))
  if (out.isJson) out.json(status)
  else out.line(statusText(status, out.colors))
  return status.state === 'RUNNING' ? EXIT.done : EXIT.unhealthy
}

function statusText(
  { name, job, state, started_at, watermark, lag, restarts, checkpoints, failures, ...more }: FlinkStatus,
  c: Colors,
): string {
  const { completed, failed, last_at, last_ms, state_bytes } = checkpoints
  const last =
    last_at === null ? '' : `, the last at ${dateTime(last_at)} in ${count(last_ms ?? 0)} ms, ${bytes(state_bytes ?? 0)} of state`
  const rows: [string, string][] = [
    ['job', job === null ? c.dim(`${name}: Flink knows none`) : `${c.cyan(name)} ${job}`],
    ['state', state === 'RUNNING' ? c.green('running') : c.red(state.toLowerCase())],
    ['since', dateTime(started_at)],
    ['watermark', watermark === null ? 'none yet' : dateTime(watermark)],
    ['lag', lag === null ? 'unknown' : `${count(lag)} records to read`],
    ['restarts', count(restarts)],
    ['checkpoints', `${count(completed)} done, ${count(failed)} failed${last}`],
    ...(more.savepoint === null ? [] : [['savepoint', more.savepoint] as [string, string]]),
    ['cluster', `${count(more.task_managers)} TaskManagers, ${count(more.slots_free)} slots free`],
    ...failures.map(({ at, reason }): [string, string] => ['failed', `${dateTime(at)} ${c.red(reason)}`]),
  ]
  return pairs(rows, c)
}

async function runStop({ settings, out }: Context): Promise<ExitCode> {
  const given = flinkSettings(settings)
  out.note('Stopping with a savepoint…')
  const stopped = await stop(given)
  if (out.isJson) out.json(stopped)
  else out.line(`job ${stopped.job} is stopped; its savepoint: ${stopped.savepoint}`)
  return EXIT.done
}
