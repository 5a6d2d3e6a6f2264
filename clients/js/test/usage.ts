// Compiled and not run: the declarations as a program in TypeScript uses them.
import { connect, GuestdError, GuestSession } from '../guestd.js'
import type { ConnectOptions, Command, DeliveryEvent, MessageEvent } from '../guestd.js'

const options: ConnectOptions = { url: 'http://localhost:3000', guest: 'ana', since: 0 }

export async function talk(): Promise<string> {
  const guest: GuestSession = connect(options)
  const off: () => void = guest.on('message', message => message.text.toUpperCase())
  guest.on('connection', ({ status }) => status === 'down')
  guest.on('event', event => {
    if (event.kind === 'delivery') event.status satisfies string
    // @ts-expect-error a message has no status
    if (event.kind === 'message') event.status
  })
  guest.on('a-kind-of-tomorrow', event => event.whatever)
  const sent: Command = guest.send('hello', { whenDown: 'queue' })
  const delivery: DeliveryEvent = await sent.confirmed
  const answer: MessageEvent = await guest.next(
    'message',
    one => one.direction === 'Outbound',
    5000,
  )
  try {
    await guest.upload(new Blob(['x']), { filename: 'x.txt', onProgress: ({ sent }) => sent })
      .accepted
  } catch (error) {
    if (error instanceof GuestdError && error.code === 'too_large') return error.message
  }
  // @ts-expect-error misspelt
  guest.send('hello', { whendown: 'queue' })
  off()
  guest.close()
  return `${delivery.message_id} ${answer.text} ${guest.cursor.seq}`
}
