import assert from 'node:assert/strict'

const WAIT_MS_MAX = 20_000

/** Resolves once it is so. */
export async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  for (const deadline = performance.now() + WAIT_MS_MAX; !(await isSo());) {
    assert.ok(performance.now() < deadline, 'it never came to that')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
