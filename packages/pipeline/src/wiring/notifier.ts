import { alertsOf, anomalyParts, faultParts } from './alerts.ts'
import type { StartRole } from './machine.ts'
import { notifierParts } from './notify.ts'

/** Looks after the traffic and the pipeline, and tells people. */
export const start: StartRole = async (machine) => {
  const faults = await faultParts(machine)
  const { rules } = await alertsOf(machine)
  return [...faults, ...(await anomalyParts(machine)), ...(await notifierParts(machine, () => rules.now().channels))]
}
