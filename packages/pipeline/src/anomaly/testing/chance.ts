import type { Random } from '../../cli/prng.ts'

/** Draws from distributions, by one source of chance. */
export function draws(random: Random) {
  /** Box and Muller. */
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())

  function poisson(mean: number): number {
    if (mean > 40) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal()))
    const bound = Math.exp(-mean)
    let count = 0
    for (let product = random(); product > bound; product *= random()) count += 1
    return count
  }

  /** Of mean 1. Marsaglia and Tsang. */
  function gamma(shape: number): number {
    if (shape < 1) return ((gamma(shape + 1) * (shape + 1)) / shape) * random() ** (1 / shape)
    const d = shape - 1 / 3
    for (;;) {
      const x = normal()
      const v = (1 + x / Math.sqrt(9 * d)) ** 3
      if (v > 0 && Math.log(1 - random()) < x ** 2 / 2 + d - d * v + d * Math.log(v)) return (d * v) / shape
    }
  }

  return {
    normal,
    poisson,
    /** Of mean 1, and so far around it. */
    lognormal: (deviation: number) => Math.exp(deviation * normal() - deviation ** 2 / 2),
    /** A count whose variance is `dispersion` times its mean. */
    dispersed(mean: number, dispersion: number): number {
      if (mean <= 0) return 0
      return poisson(dispersion > 1 ? mean * gamma(mean / (dispersion - 1)) : mean)
    },
    binomial(count: number, share: number): number {
      const variance = count * share * (1 - share)
      if (variance > 30) return Math.min(count, Math.max(0, Math.round(count * share + Math.sqrt(variance) * normal())))
      if (count > 200) return Math.min(count, poisson(count * share))
      let hits = 0
      for (let each = 0; each < count; each += 1) if (random() < share) hits += 1
      return hits
    },
  }
}

export type Draws = ReturnType<typeof draws>
