/** The request behind a button, as a command to copy. It never holds the token. */

/**
 * Quoted for a POSIX shell. A text that holds a control character is written as printf would.
 * @param {string} text
 */
export const quote = (text) =>
  /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`

/**
 * @typedef {object} Request
 * @property {string} [method]
 * @property {string} url
 * @property {unknown} [body] sent as JSON
 * @property {boolean} [token] whether the daemon asks for one
 */

/**
 * @param {Request} request
 * @returns {string} a command of one or more lines
 */
export function curl({ method, url, body, token = false }) {
  const parts = [`curl -s ${quote(url)}`]
  const usual = body === undefined ? 'GET' : 'POST'
  if (method && method !== usual) parts[0] = `curl -s -X ${method} ${quote(url)}`
  if (token) parts.push('-H "Authorization: Bearer $GUESTDCTL_TOKEN"')
  if (body !== undefined) {
    parts.push("-H 'Content-Type: application/json'")
    parts.push(`-d ${quote(JSON.stringify(body))}`)
  }
  return parts.join(' \\\n  ')
}
