/**
 * The filter of frames and events: words, `/regex/`, `in`, `out`, `class:Name`, and `-` before any
 * of them. All must fit.
 */

/**
 * @typedef {object} Filterable
 * @property {string} [direction] in or out
 * @property {string} [class]
 * @property {string} [kind]
 * @property {string} [code]
 * @property {string} [text]
 * @property {boolean} [repeated]
 */

/**
 * @typedef {object} Filter
 * @property {(one: Filterable) => boolean} fits
 * @property {string} problem what is wrong with it, or ""
 * @property {boolean} isEmpty
 */

const PART = /(-?)(\/(?:[^/\\]|\\.)+\/i?|"[^"]*"|\S+)/g

/** Longer expressions are refused: a slow one would hold up the page. */
const EXPRESSION_MAX = 200

/** @param {Filterable} one */
const whole = (one) => `${one.class ?? ''} ${one.kind ?? ''} ${one.code ?? ''} ${one.repeated ? 'repeated' : ''} ${one.text ?? ''}`.toLowerCase()

/**
 * @param {string} word
 * @returns {(one: Filterable) => boolean}
 */
function test(word) {
  if (word === 'in' || word === 'out') return (one) => one.direction === word
  if (/^class:/i.test(word)) {
    const wanted = word.slice(6).toLowerCase()
    return (one) => (one.class ?? one.kind ?? '').toLowerCase().includes(wanted)
  }
  const expression = /^\/(.+)\/(i?)$/.exec(word)
  if (expression) {
    if (expression[1].length > EXPRESSION_MAX) throw new Error('the expression is too long')
    const found = new RegExp(expression[1], expression[2])
    return (one) => found.test(`${one.class ?? ''} ${one.kind ?? ''} ${(one.text ?? '').slice(0, 10_000)}`)
  }
  const wanted = word.replace(/^"(.*)"$/, '$1').toLowerCase()
  return (one) => whole(one).includes(wanted)
}

/**
 * @param {string} text
 * @returns {Filter}
 */
export function filter(text) {
  const parts = [...text.matchAll(PART)]
  /** @type {((one: Filterable) => boolean)[]} */
  const tests = []
  let problem = ''
  for (const [, minus, word] of parts) {
    try {
      const fits = test(word)
      tests.push(minus ? (one) => !fits(one) : fits)
    } catch (error) {
      problem = `${word}: ${error instanceof Error ? error.message : error}`
    }
  }
  return { fits: (one) => tests.every((one_) => one_(one)), problem, isEmpty: !tests.length }
}
