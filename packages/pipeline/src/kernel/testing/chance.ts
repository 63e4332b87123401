import fc from 'fast-check'

/** What is random in the tests comes again by it. Given by environment to see a failure again; each test that draws by it prints it. */
export const SEED = Number(process.env['FLOWGUARD_SEED'] ?? Date.now() % 1_000_000_000)

fc.configureGlobal({ seed: SEED })

export { fc }
