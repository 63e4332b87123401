import type { Compared } from '../billing/counters.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import { checking, type Check } from './audit-check.ts'

/** The counters that are kept elsewhere against the ledger's; nothing where there are none. What cannot be said now is told. */
export async function counterBooks(
  compare: (() => Promise<Compared | undefined>) | undefined,
): Promise<{ checks: Check[]; unchecked: string[] }> {
  if (!compare) return { checks: [], unchecked: [] }
  try {
    const compared = await compare()
    if (!compared) return { checks: [], unchecked: ['the counters elsewhere are being filled, or too far behind to be compared'] }
    const check = checking('ledger = counters elsewhere')
    for (const line of compared.differing) check.fault(line)
    const figures = { expected: compared.compared, actual: compared.compared - compared.differing.length }
    return { checks: [check.done({ detail: 'every counter, where it stands', ...figures })], unchecked: [] }
  } catch (error) {
    if (!(error instanceof FlowGuardError && error.retriable)) throw error
    return { checks: [], unchecked: [`the counters elsewhere could not be asked: ${error.message}`] }
  }
}
