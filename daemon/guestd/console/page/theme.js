/** Light or dark: the system's choice, unless the viewer has chosen. */
import { Cell } from './store.js'

const KEY = 'guestd-theme'
const NEXT = /** @type {const} */ ({ system: 'light', light: 'dark', dark: 'system' })

/** @returns {'system' | 'light' | 'dark'} */
function kept() {
  const found = localStorage.getItem(KEY)
  return found === 'light' || found === 'dark' ? found : 'system'
}

/** system, light or dark. */
export const theme = new Cell(/** @type {'system' | 'light' | 'dark'} */ ('system'))

function show() {
  const root = document.documentElement
  if (theme.value === 'system') delete root.dataset.theme
  else root.dataset.theme = theme.value
}

/** Takes up what was chosen before. */
export function startTheme() {
  theme.set(kept())
  show()
}

/** The next of the three. */
export function changeTheme() {
  theme.set(NEXT[theme.value])
  if (theme.value === 'system') localStorage.removeItem(KEY)
  else localStorage.setItem(KEY, theme.value)
  show()
}
