/** Times in words: of the viewer's zone, UTC for hovering. */

/** @param {number} n @param {number} [width] */
const pad = (n, width = 2) => String(n).padStart(width, '0')

/**
 * Milliseconds of an instant, from what the API gives: milliseconds, or ISO 8601.
 * @param {number | string | null | undefined} instant
 * @returns {number} 0 if there is none
 */
export function instant(instant) {
  if (typeof instant === 'number') return instant
  const read = instant ? Date.parse(instant) : 0
  return Number.isNaN(read) ? 0 : read
}

/** @param {number} ms @returns {string} 14:20:07 */
export function clock(ms) {
  if (!ms) return ''
  const at = new Date(ms)
  return `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`
}

/** @param {number} ms @returns {string} 14:20:07.198 */
export const clockMs = (ms) => (ms ? `${clock(ms)}.${pad(new Date(ms).getMilliseconds(), 3)}` : '')

/** @param {number} ms @returns {string} the instant in UTC */
export const utc = (ms) => (ms ? `${new Date(ms).toISOString().replace('T', ' ').replace('Z', '')} UTC` : '')

/**
 * A clock time today, with the date if it was another day.
 * @param {number} ms
 * @param {number} [now]
 */
export function when(ms, now = Date.now()) {
  if (!ms) return ''
  const at = new Date(ms)
  if (at.toDateString() === new Date(now).toDateString()) return clock(ms)
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${clock(ms)}`
}

/**
 * How long, in at most two units: 41 ms, 0.8 s, 12 s, 12 m 03 s, 2 h 05 m, 3 d 4 h.
 * @param {number} ms
 * @returns {string}
 */
export function duration(ms) {
  if (!Number.isFinite(ms)) return ''
  if (ms < 0) ms = 0
  if (ms > 0 && ms < 1) return '<1 ms'
  if (ms < 100) return `${Math.round(ms)} ms`
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`
  const s = Math.round(ms / 1000)
  if (s < 60) return `${s} s`
  if (s < 3600) return `${Math.floor(s / 60)} m ${pad(s % 60)} s`
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${pad(Math.floor((s % 3600) / 60))} m`
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`
}

/**
 * The same in one unit, for a glance: 12 min, 3 h.
 * @param {number} ms
 */
export function roughly(ms) {
  const s = Math.max(0, Math.round(ms / 1000))
  if (s < 60) return `${s} s`
  if (s < 3600) return `${Math.floor(s / 60)} min`
  return s < 86_400 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86_400)} d`
}
