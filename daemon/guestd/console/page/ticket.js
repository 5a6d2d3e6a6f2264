/**
 * The ticket that `guestd console` puts into the address, `#/login?ticket=…`: it is taken out of the
 * address before anything else, and exchanged for the tokens. It is good for once.
 */

/** @typedef {import('./types.js').ConsoleTokens} ConsoleTokens */

/**
 * @returns {string} the ticket, "" if there is none; it is no longer in the address or the history
 */
export function takeTicket() {
  const found = /^#\/login\?ticket=([\w-]+)$/.exec(location.hash)
  if (!found) return ''
  history.replaceState(null, '', '#/guests')
  return found[1] ?? ''
}

/**
 * @param {string} ticket
 * @returns {Promise<ConsoleTokens>} rejected with what the daemon says
 */
export async function redeem(ticket) {
  const answer = await fetch('v1/console/tokens', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ ticket }),
  })
  const found = await answer.json()
  if (!answer.ok) throw new Error(found.detail)
  return found
}
