// What a page does that must lose nothing: it speaks while its connection is dropped again and again, sends a file, and ends.
// In Node the addresses come from the environment; a page calls `story` itself.

export async function story(connect, url, guestName, count) {
  const guest = connect({ url, guest: guestName, since: 0, backoff: { firstMs: 20, maxMs: 300 } })
  const seqs = [], heard = [], found = { lost: 0, refused: [] }
  guest.on('event', event => seqs.push(event.seq))
  guest.on('message', ({ direction, text }) => heard.push(`${direction} ${text}`))
  guest.on('connection', ({ status }) => { found.lost += status === 'down' })
  guest.on('error', error => found.refused.push(error.message))

  const confirmed = []
  for (let n = 0; n < count; n++) {
    confirmed.push(guest.send(`hello ${n}`).confirmed)
    await new Promise(resolve => setTimeout(resolve, 40))
  }
  const progress = []
  const file = new File([new Uint8Array(300_000)], 'parcel.png', { type: 'image/png' })
  const upload = guest.upload(file, { onProgress: one => progress.push(one.sent) })
  await Promise.all([...confirmed, upload.confirmed])
  const wanted = Array.from({ length: count }, (_, n) => [`Inbound hello ${n}`, `Outbound hello ${n}`]).flat()
  const isAllHeard = () => wanted.every(one => heard.includes(one))  // the file is answered, too
  if (!isAllHeard()) await guest.next('message', isAllHeard, 60_000)
  await guest.end()
  return { ...found, seqs, heard, uploaded: progress.at(-1) }
}

const where = globalThis.process?.env ?? {}
if (where.CLIENT) {
  const { connect } = await import(where.CLIENT)
  console.log(JSON.stringify(await story(connect, where.GUESTD, 'from-node', Number(where.COUNT))))
}
