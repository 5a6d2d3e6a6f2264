// A guestd that a test plays by hand: sockets that open, speak and close when they are told to.

/** What all sockets of one test have in common. */
export class FakeGuestd {
  sockets = []

  constructor() {
    const all = this.sockets
    this.WebSocket = class {
      readyState = 0
      sent = []
      constructor(address) {
        this.address = new URL(address)
        all.push(this)
      }
      get query() {
        return Object.fromEntries(this.address.searchParams)
      }
      send(text) {
        this.sent.push(JSON.parse(text))
      }
      close(code = 1005) {
        this.lost(code)
      }
      open() {
        this.readyState = 1
        this.onopen?.()
      }
      says(...frames) {
        for (const frame of frames) this.onmessage?.({ data: JSON.stringify(frame) })
      }
      lost(code = 1006, reason = '') {
        if (this.readyState === 3) return
        this.readyState = 3
        this.onclose?.({ code, reason })
      }
      /** Opens, and greets as guestd does. */
      greets(more = {}) {
        this.open()
        this.says({
          kind: 'hello',
          guest: 'ana',
          session: 's1',
          state: 'live',
          seq: 0,
          new: false,
          file_bytes_max: 100,
          ...more,
        })
        return this
      }
    }
  }

  get last() {
    return this.sockets.at(-1)
  }
}

export const message = (seq, text = `text ${seq}`) => ({ kind: 'message', seq, text })

/** Lets promises run that are settled already. */
export const soon = () => new Promise(resolve => setImmediate(resolve))
