// Files of a conversation are fetched once while it is on the screen, and not without bound.
import assert from 'node:assert/strict'
import { test } from 'node:test'

const asked = []
globalThis.fetch = async (url) => {
  asked.push(String(url))
  if (String(url).endsWith('gone')) throw new TypeError('away')
  return new Response('x'.repeat(String(url).endsWith('large') ? 3_000_000 : 10))
}
const page = new URL('../../daemon/guestd/console/page/', import.meta.url)
const { fileOf, forgetFiles } = await import(new URL('parts/file.js', page))
const times = (name) => asked.filter((url) => url.endsWith(`/files/${name}`)).length

test('the same file is asked for once, also by two at once', async () => {
  const [first, second] = await Promise.all([fileOf('s1', 'a'), fileOf('s1', 'a')])
  assert.equal(first, second)
  await fileOf('s1', 'a')
  assert.equal(times('a'), 1)
  await fileOf('s2', 'a')
  assert.equal(times('a'), 2)
})

test('when the conversation is left, nothing of it is kept', async () => {
  forgetFiles()
  await fileOf('s1', 'a')
  assert.equal(times('a'), 3)
})

test('the one that was used least lately makes room', async () => {
  forgetFiles()
  await fileOf('s1', 'first')
  await fileOf('s1', 'second')
  for (let n = 0; n < 22; n += 1) await fileOf('s1', `n${n}`)
  await fileOf('s1', 'first')
  await fileOf('s1', 'one-more')
  await fileOf('s1', 'first')
  await fileOf('s1', 'second')
  assert.deepEqual([times('first'), times('second')], [1, 2])
})

test('a large one and one that failed are asked for again', async () => {
  await fileOf('s1', 'large')
  await fileOf('s1', 'large')
  assert.equal(times('large'), 2)
  await assert.rejects(fileOf('s1', 'gone'))
  await assert.rejects(fileOf('s1', 'gone'))
  assert.equal(times('gone'), 2)
})
