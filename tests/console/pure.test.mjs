// The console's pure modules, in Node's own runner: filter, text, time, route, shell quoting, JSON.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'

const page = new URL('../../daemon/guestd/console/page/', import.meta.url)
const from = (name) => import(new URL(name, page))

const { filter } = await from('parts/filter.js')
const { pieces, withoutQueries } = await from('parts/json.js')
const text = await from('text.js')
const time = await from('time.js')
const { changed, format, parse } = await from('route.js')
const { curl, quote } = await from('curl.js')

const frames = [
  { direction: 'out', class: 'onMessage', text: '{"text":"Hello"}' },
  { direction: 'out', class: 'echo', text: '{}' },
  { direction: 'in', class: 'StructuredMessage', text: '{"text":"hello too"}' },
]
const kept = (words) => frames.map((one, i) => (filter(words).fits(one) ? i : '')).join('')

test('an empty word leaves the query of a route', () => {
  const from = parse('#/guests?state=live&sort=name')
  assert.deepEqual(changed(from, { query: { state: '', sort: 'name' } }).query, { sort: 'name' })
})

test('a filter has words, expressions, directions, classes and exclusions', () => {
  assert.equal(kept(''), '012')
  assert.equal(kept('hello'), '02')
  assert.equal(kept('-echo'), '02')
  assert.equal(kept('in'), '2')
  assert.equal(kept('out -echo'), '0')
  assert.equal(kept('class:structured'), '2')
  assert.equal(kept('/"Hello"/'), '0')
  assert.equal(kept('/"HELLO/i'), '02')
  assert.equal(kept('-/hello/i out'), '1')
  assert.equal(kept('"hello too"'), '2')
})

test('an expression that is none is said, and hides nothing', () => {
  const found = filter('/(/ out')
  assert.match(found.problem, /Invalid|Unterminated/)
  assert.equal(frames.filter(found.fits).length, 2)
  assert.match(filter(`/${'a'.repeat(300)}/`).problem, /too long/)
})

test('controls and characters that change the order are shown', () => {
  assert.equal(text.visible('a\u202Eb\u0007c\td\n'), 'a‹U+202E›b‹U+0007›c\td\n')
  assert.equal(text.visible('\uD83D\uDE00 \uD800'), '\uD83D\uDE00 ‹U+D800›')
})

test('a cut leaves no half of a character', () => {
  assert.equal(text.cut('a\u{1F600}b', 2), 'a')
  assert.equal(text.cut('a\u{1F600}b', 3), 'a\u{1F600}')
  assert.equal(text.line('a\n\n  b'), 'a b')
  assert.equal(text.line('x'.repeat(500)).length, 121)
})

test('only http and https are links, and their ends are not punctuation', () => {
  assert.deepEqual(text.withLinks('see https://example.org/a, or not').map((one) => [one.text, Boolean(one.url)]), [
    ['see ', false], ['https://example.org/a', true], [', or not', false],
  ])
  assert.equal(text.withLinks('javascript:alert(1) <a href="http://xy">').filter((one) => one.url).length, 1)
  assert.equal(text.link('javascript:alert(1)'), null)
  assert.equal(text.link('data:text/html,x'), null)
  assert.equal(text.link('https://example.org/').host, 'example.org')
})

test('sizes, counts and ordinals', () => {
  assert.equal(text.size(184_320), '184 KB')
  assert.equal(text.size(2_100_000), '2.1 MB')
  assert.equal(text.count(1184), '1,184')
  assert.equal(text.bytesOf('ä€'), 5)
  assert.deepEqual([1, 2, 3, 4, 11, 12, 13, 21, 112].map(text.ordinal), ['1st', '2nd', '3rd', '4th', '11th', '12th', '13th', '21st', '112th'])
})

test('durations have at most two units', () => {
  const all = [[41, '41 ms'], [800, '0.8 s'], [12_000, '12 s'], [723_000, '12 m 03 s'], [7_500_000, '2 h 05 m'], [273_600_000, '3 d 4 h'], [-5, '0 ms'], [0.4, '<1 ms']]
  for (const [ms, words] of all) assert.equal(time.duration(ms), words)
  assert.equal(time.roughly(723_000), '12 min')
  assert.equal(time.instant('2026-11-29T20:00:00.500Z') % 1000, 500)
  assert.equal(time.instant('nonsense'), 0)
  assert.equal(time.utc(0), '')
  assert.equal(time.utc(1), '1970-01-01 00:00:00.001 UTC')
})

test('a route is read and written the same', () => {
  const all = ['#/guests', '#/guests/ana', '#/guests/mara@shop+1', '#/guests/~0f3a/frames?n=213&filter=-echo', '#/overview?window=15m', '#/faults', '#/login']
  for (const address of all) assert.equal(format(parse(address)), address)
})

test('what is no route leads to the guests', () => {
  assert.deepEqual(parse('#/nowhere/x'), { view: 'guests', session: '', pane: '', query: {} })
  assert.equal(parse('#/guests/%E0%A4%A').session, '%E0%A4%A')
  assert.equal(parse('#/guests/ana/nothing').pane, '')
  assert.equal(parse('').view, 'guests')
})

test('a change keeps the words of the list, and no others', () => {
  const here = parse('#/guests/ana/frames?n=3&q=x&state=down')
  assert.equal(format(changed(here, { session: 'bea' })), '#/guests/bea?state=down&q=x')
  assert.equal(format(changed(here, { view: 'overview' })), '#/overview')
  assert.equal(format(changed(here, { pane: 'frames', query: { n: '4' } })), '#/guests/ana/frames?state=down&q=x&n=4')
})

test('a shell reads what was quoted', () => {
  const hostile = ["it's", '$(id)', '`id`', 'a\nb', '"', '\\', '', '-n', '😀', "''"]
  for (const one of hostile) {
    const said = execFileSync('/bin/sh', ['-c', `printf %s ${quote(one)}`]).toString()
    assert.equal(said, one)
  }
})

test('a command names the token and never holds it', () => {
  const command = curl({ url: 'http://localhost:3000/v1/sessions', body: { name: "o'neill" }, token: true })
  assert.match(command, /\$GUESTDCTL_TOKEN/)
  assert.doesNotMatch(command, /-X/)
  assert.match(command, /o'\\''neill/)
  assert.doesNotMatch(curl({ url: 'http://localhost/' }), /Authorization/)
  assert.match(curl({ url: 'http://localhost/', method: 'DELETE' }), /-X DELETE/)
})

test('JSON is drawn whole, secrets as hidden, and signed queries never', () => {
  const drawn = (value) => pieces(value).map((one) => one.text).join('')
  const value = { a: [1, { b: 'x' }], c: null, d: {}, e: 'long '.repeat(30) }
  assert.deepEqual(JSON.parse(drawn(value)), value)
  assert.deepEqual(withoutQueries({ url: 'https://x/y?sig=1', n: [1, 'http://x/?q'] }), { url: 'https://x/y?hidden', n: [1, 'http://x/?hidden'] })
  let deep = {}
  for (let i = 0; i < 1000; i += 1) deep = { deep }
  assert.match(drawn(deep), /…/)
})
