import type { NoiseKind } from './measures.ts'
import { HORIZONS, type Noise, type Usual } from './state.ts'

// How far what comes may lie from what is expected. Noise has two parts: that of single events, which evens out with their number, and one that does not.

/** What is expected of a window, and of how much. */
export interface Expected {
  value: number
  exposure: number
  kind: NoiseKind
  /** By the weakest of its minutes. */
  by: Usual['by']
}

/** Noise is learned so that 98 of 100 windows lie within so many standard deviations: it is the far ones that count here. */
const LEARN_SIGMAS = 2.326
const LEARN_BEYOND = 0.02
const LEARN_STEP = 0.06
const DISPERSION_MAX = 200
const DISPERSION_MIN = { count: 1, share: 1, amount: 0.01 } as const
const SPREAD_MIN = 0.005
const SPREAD_MAX = 1
const POISSON_POWER = 2 / 3
const GAMMA_POWER = 1 / 3
const POWER_MIN = 0.05
/** What is known by other days' same hour, or by nothing but all hours, may be further off. */
const UNSURE = { hour: 0, day: 0.25, all: 0.6 } as const
/** The variance of single events. */
function eventsVariance({ value, exposure, kind }: Expected): number {
  if (kind === 'count') return value
  if (exposure === 0) return 0
  return kind === 'share' ? value * Math.max(0.01, 1 - value / exposure) : value ** 2 / exposure
}

function varianceOf(expected: Expected, { dispersion, spreads }: Noise, horizonAt: number): number {
  const spread = spreads[horizonAt] as number
  return dispersion * eventsVariance(expected) + (spread ** 2 + UNSURE[expected.by] ** 2) * expected.value ** 2
}

export const deviationOf = (expected: Expected, noise: Noise, horizonAt: number) => Math.sqrt(varianceOf(expected, noise, horizonAt))

/** Between what the sum of a window lies as usual: few cannot be less than none, and a good day is further from the middle than a bad one. */
export function rangeOf(expected: Expected, noise: Noise, horizonAt: number, sigmas: number): { low: number; high: number } {
  const { value } = expected
  const variance = varianceOf(expected, noise, horizonAt)
  if (value === 0 || variance === 0) return { low: value, high: value }
  const ofEvents = (noise.dispersion * eventsVariance(expected)) / variance
  const skew = POISSON_POWER * ofEvents
  const low = boundOf(value, variance, -sigmas, Math.max(POWER_MIN, expected.kind === 'amount' ? skew / 2 : skew))
  const high = boundOf(value, variance, sigmas, Math.max(POWER_MIN, Math.min(GAMMA_POWER, skew)))
  return { low: Math.min(value, low), high: Math.max(value, high) }
}

/** By the power that makes the distribution a normal one: Poisson's by two thirds, the gamma's by one (Wilson and Hilferty), the lognormal's by none. */
function boundOf(value: number, variance: number, sigmas: number, power: number): number {
  const shape = value ** 2 / variance
  return value * Math.max(0, 1 - (power * (1 - power)) / (2 * shape) + (power * sigmas) / Math.sqrt(shape)) ** (1 / power)
}

/** Learns from a window that was as usual: the part of the noise that made the most of it. A wild one moves it no further than any other that is out. */
export function learnNoise(noise: Noise, expected: Expected, sum: number, horizonAt: number): void {
  if (expected.value === 0 || expected.by !== 'hour') return
  const variance = varianceOf(expected, noise, horizonAt)
  if (variance === 0) return
  const isBeyond = Math.abs(sum - expected.value) > LEARN_SIGMAS * Math.sqrt(variance)
  const step = (LEARN_STEP / Math.sqrt(HORIZONS[horizonAt] as number)) * (isBeyond ? 1 - LEARN_BEYOND : -LEARN_BEYOND)
  const ofEvents = (noise.dispersion * eventsVariance(expected)) / variance
  const within = (min: number, value: number, max: number) => Math.min(max, Math.max(min, value))
  // Single events show in single minutes; in long windows the other part.
  if (horizonAt === 0)
    noise.dispersion = within(DISPERSION_MIN[expected.kind], noise.dispersion * Math.exp(step * ofEvents), DISPERSION_MAX)
  noise.spreads[horizonAt] = within(SPREAD_MIN, (noise.spreads[horizonAt] as number) * Math.exp(step * (1 - ofEvents)), SPREAD_MAX)
}
