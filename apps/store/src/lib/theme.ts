/** Kept in a cookie, so that the server's first answer already has it and nothing flashes. */
export const THEME_COOKIE = 'theme'
export const THEME_AGE_S = 365 * 86_400

export type Theme = 'light' | 'dark'

export function readTheme(text: string | undefined): Theme | undefined {
  return text === 'light' || text === 'dark' ? text : undefined
}
