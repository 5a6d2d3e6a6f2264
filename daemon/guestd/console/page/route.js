/**
 * Where one is: the address's fragment, so that the server knows none of it and a proxy's prefix
 * changes nothing. `#/guests/ana/frames?n=213&filter=-echo`
 */
import { Cell } from './store.js'

/**
 * @typedef {object} Route
 * @property {string} view guests, overview, faults, load, login or help
 * @property {string} session a name, or `~` and an id, or ""; of `load`: the run
 * @property {string} pane chat, frames, events, explain, agent, faults, or ""
 * @property {Record<string, string>} query
 */

const VIEWS = ['guests', 'overview', 'faults', 'load', 'login', 'help']
const PANES = ['chat', 'frames', 'events', 'explain', 'agent', 'faults']

/**
 * @param {string} text what stands behind `%`, or is no such thing
 */
function decoded(text) {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/**
 * Reads a fragment. What it does not know leads to the guests.
 * @param {string} fragment
 * @returns {Route}
 */
export function parse(fragment) {
  const [path, search = ''] = fragment.replace(/^#?\/?/, '').split(/\?(.*)/s)
  const [view = '', session = '', pane = ''] = path.split('/').map(decoded)
  const query = Object.fromEntries(new URLSearchParams(search))
  if (!VIEWS.includes(view)) return { view: 'guests', session: '', pane: '', query }
  const hasSession = view === 'guests' || view === 'load'
  return {
    view,
    session: hasSession ? session : '',
    pane: view === 'guests' && session && PANES.includes(pane) ? pane : '',
    query,
  }
}

/**
 * @param {Partial<Route>} route
 * @returns {string} with `#`
 */
export function format({ view = 'guests', session = '', pane = '', query = {} }) {
  const parts = [view, session, session ? pane : ''].filter(Boolean).map(encodeURIComponent)
  const search = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== ''))
  const path = parts.join('/').replaceAll('%40', '@').replaceAll('%2B', '+')
  return `#/${path}${search.size ? `?${search}` : ''}`
}

/** What belongs to the list of guests stays when another guest or pane is opened. */
const KEPT = ['state', 'q', 'sort']

/**
 * The route that differs from the present one by this; only the list's own words of its query stay
 * unless `query` is given whole.
 * @param {Route} from
 * @param {Partial<Route>} change
 * @returns {Route}
 */
export function changed(from, change) {
  const kept = from.view === (change.view ?? from.view) && from.view === 'guests'
  const query = Object.fromEntries(kept ? KEPT.flatMap((k) => (from.query[k] ? [[k, from.query[k]]] : [])) : [])
  return {
    view: change.view ?? from.view,
    session: change.session ?? (change.view && change.view !== from.view ? '' : from.session),
    pane: change.pane ?? '',
    query: Object.fromEntries(Object.entries({ ...query, ...change.query }).filter(([, value]) => value !== '')),
  }
}

/** The present route. */
export const route = new Cell(parse(globalThis.location?.hash ?? ''))

/** Follows the address. */
export function followAddress() {
  addEventListener('hashchange', () => route.set(parse(location.hash)))
}

/**
 * Goes there.
 * @param {Partial<Route>} change
 * @param {{replace?: boolean}} [how] `replace`: without a step for Back
 */
export function go(change, { replace = false } = {}) {
  const next = changed(route.value, change)
  const address = format(next)
  if (address === location.hash) return
  if (replace) history.replaceState(null, '', address)
  else history.pushState(null, '', address)
  route.set(next)
}

/**
 * The address of that, for a link.
 * @param {Partial<Route>} change
 */
export const linkTo = (change) => format(changed(route.value, change))
