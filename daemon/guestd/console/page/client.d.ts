/** Talk as a guest through guestd's simulator, from a browser or from Node. */

// <events>
/**
 * A message of the conversation, the guest's own echo (`direction: "Inbound"`) included. `late`
 * marks one whose place was before messages already shown. `command_id` is set on the echo of a
 * command.
 */
export interface MessageEvent {
  seq: number
  id: string
  direction: string
  type: string
  text: string
  time: string
  sender: string
  bot: boolean
  late: boolean
  command_id: string
  message_id: string
  content: unknown[]
  kind: 'message'
  at: number
}

/** Join, Disconnect, Clear or SignIn, in the conversation's order. */
export interface PresenceEvent {
  seq: number
  id: string
  direction: string
  presence: string
  time: string
  read_only: boolean
  late: boolean
  kind: 'presence'
  at: number
}

export interface TypingEvent {
  seq: number
  on: boolean
  duration_ms: number
  state: string
  kind: 'typing'
  at: number
}

export interface ReceiptEvent {
  seq: number
  sequence: string
  status: string
  kind: 'receipt'
  at: number
}

/**
 * The guest session changed its state: live, resting, leaving, ended. `reason` is an ending's word,
 * or "". `first` marks the `live` of the first connect; rows of version 0.1 lack it.
 */
export interface SessionEvent {
  seq: number
  state: string
  reason: string
  read_only: boolean
  first: boolean
  kind: 'session'
  at: number
}

/**
 * What became of a command: `confirmed` by the platform, `failed` for `reason`, or `uncertain`.
 * `code` is our own stable word for why; `platform_status`, `platform_code` and `correlation_id`
 * are the platform's, where it was the platform that refused. `took_ms`: from the last sending of
 * its frame to the confirmation; None where it was not confirmed, or was sent by another process.
 */
export interface DeliveryEvent {
  seq: number
  command_id: string
  status: string
  reason: string
  message_id: string
  code: string
  platform_status: number | null
  platform_code: string
  correlation_id: string
  took_ms: number | null
  kind: 'delivery'
  at: number
}

/**
 * How far an `Attach` has come: `asked` for a place, `uploading`, `uploaded`, `retrying` for
 * `reason`, `failed`, `withdrawn`. `code` is our own stable word for why; `platform_status`,
 * `platform_code` and `correlation_id` are the platform's, of a place that it refused over REST
 * (webchat), of a frame, or the storage's of an upload. What became of the message that carries it
 * is told by its DeliveryEvent.
 */
export interface AttachmentEvent {
  seq: number
  command_id: string
  status: string
  filename: string
  size_bytes: number
  attachment_id: string
  attempt: number
  reason: string
  correlation_id: string
  code: string
  platform_status: number | null
  platform_code: string
  kind: 'attachment'
  at: number
}

/**
 * Something is missing that could not be fetched: between these places messages may be lost to us.
 */
export interface GapEvent {
  seq: number
  reason: string
  after: string
  before: string
  kind: 'gap'
  at: number
}

/** A command was accepted: the intent, durable before any frame of it is sent. */
export interface AcceptedEvent {
  seq: number
  command_id: string
  action: string
  text: string
  kind: 'accepted'
  at: number
}

export type JournalEvent =
  | MessageEvent
  | PresenceEvent
  | TypingEvent
  | ReceiptEvent
  | SessionEvent
  | DeliveryEvent
  | AttachmentEvent
  | GapEvent
  | AcceptedEvent
// </events>

/** The first frame of every connection. */
export interface HelloEvent {
  kind: 'hello'
  guest: string
  session: string
  state: string
  /** Of the newest event. */
  seq: number
  /** This connection has made the guest session. */
  new: boolean
  /** The largest file that it takes now; 0: none. */
  file_bytes_max: number
}

/** This client reads too slowly; `seq` is the last that it was given. */
export interface LaggingEvent {
  kind: 'lagging'
  seq: number
}

export type ConnectionStatus = 'connecting' | 'up' | 'down' | 'ended' | 'closed'

/** What became of the connection to guestd; not an event of the guest session. */
export interface ConnectionEvent {
  status: ConnectionStatus
  /** With `down`: the close code, how many tries there were, and when the next one is. */
  code?: number
  attempt?: number
  retryInMs?: number
  reason?: string
  /** With `closed`: why. */
  error?: GuestdError
}

/** The guest session has ended while this client was away; with `reopen` it goes on with another. */
export interface ReplacedEvent {
  was: string
  /** "" if there is none of that name yet. */
  session: string
}

/** Every kind that `on` and `next` know. `event` is every event of the guest session. */
export interface Events {
  hello: HelloEvent
  session: SessionEvent
  accepted: AcceptedEvent
  delivery: DeliveryEvent
  attachment: AttachmentEvent
  message: MessageEvent
  presence: PresenceEvent
  typing: TypingEvent
  receipt: ReceiptEvent
  gap: GapEvent
  lagging: LaggingEvent
  event: JournalEvent
  connection: ConnectionEvent
  replaced: ReplacedEvent
  error: GuestdError
}

export interface Cursor {
  session: string
  seq: number
}

export interface ConnectOptions {
  /** Where guestd is, such as http://localhost:3000; of a page: where it came from. */
  url?: string | URL
  /** The guest's name; drawn if left out. */
  guest?: string
  /** Show what came after this seq first. Left out: new events only. */
  since?: number
  /** Go on where another client was. */
  cursor?: Cursor
  /** false: follow an existing guest session only. */
  create?: boolean
  /** Of a new guest: what agents are shown as the name. */
  name?: string
  /** Of a new guest; webchat needs one. */
  email?: string
  /** Of a new guest. */
  metadata?: Record<string, unknown>
  /** What becomes of messages while guestd's own connection to the platform is lost. */
  whenDown?: 'queue' | 'reject'
  /** Where the guest session has ended meanwhile: go on with a new one of its name. */
  reopen?: boolean
  /** simulator.token, if one is set. */
  token?: string
  /** api.token, if one is set; uploads need it. */
  apiToken?: string
  /** How many commands may wait for an answer (1000). More are refused with `queue_full`. */
  queueMax?: number
  /** A connection that leaves a command without an answer for so long is given up (30,000). */
  answerMs?: number
  /**
   * The pause before the next try: `firstMs` (250), doubled each time up to `maxMs` (15,000), less up
   * to half of it by chance.
   */
  backoff?: { firstMs?: number; maxMs?: number }
  /** For tests: from 0 to 1. */
  random?: () => number
  /** What is used instead of the global one: Node has none before 22. */
  WebSocket?: new (url: string) => any
  fetch?: typeof globalThis.fetch
  XMLHttpRequest?: new () => any
}

export interface SendOptions {
  /** Your own id for it; drawn if left out. With the same id and content it is sent once. */
  commandId?: string
  whenDown?: 'queue' | 'reject'
}

export interface UploadOptions extends SendOptions {
  /** The name, if the file has none of its own. */
  filename?: string
  contentType?: string
  caption?: string
  /** In browsers while it goes out, elsewhere once when it is done. */
  onProgress?: (progress: { sent: number; size: number }) => void
  signal?: AbortSignal
}

export interface Choice {
  type?: string
  text: string
  /** The text, if left out. */
  payload?: string
  /** The id of the message that is answered. */
  inReplyTo?: string
}

export interface Accepted {
  seq: number
}

export interface Command {
  readonly commandId: string
  /** guestd has it on disk. Rejected with a GuestdError if it is refused. */
  readonly accepted: Promise<Accepted>
  /** The platform has it (webchat: it was sent). Rejected if it has failed, or is uncertain. */
  readonly confirmed: Promise<DeliveryEvent>
}

export class GuestdError extends Error {
  constructor(code: string, message: string, more?: Record<string, unknown>)
  /** guestd's stable word, such as `not_ready` or `conflict`. */
  code: string
  commandId?: string
  field?: string
  /** With `not_ready`: the guest session's state, and the time until the next try. */
  state?: string
  retryAfterMs?: number
  /** The HTTP status of an upload that was refused; 0: guestd was not reached. */
  status?: number
  /** The event that tells the failure of a message. */
  delivery?: DeliveryEvent
}

export class GuestSession {
  constructor(options: ConnectOptions)
  /** Its name. */
  guest: string
  /** Its id, "" until it is known. */
  session: string
  /** Of the last event that was shown. */
  seq: number | undefined
  /** Its state (`live`, `resting`, …), "" until it is known. */
  state: string
  connection: ConnectionStatus
  readonly fileBytesMax: number
  readonly cursor: Cursor
  /** How many commands wait for an answer. */
  readonly waiting: number
  /** When the guest session is over; rejected if this client was closed or refused before. */
  readonly ended: Promise<SessionEvent>

  /** Returns what takes the listener off again. */
  on<K extends keyof Events>(kind: K, listener: (event: Events[K]) => void): () => void
  on(kind: string, listener: (event: any) => void): () => void
  /** The next event of that kind for which `test` is true. */
  next<K extends keyof Events>(
    kind: K,
    test?: (event: Events[K]) => boolean,
    timeoutMs?: number,
  ): Promise<Events[K]>

  send(text: string, options?: SendOptions): Command
  reply(choice: Choice, options?: SendOptions): Command
  context(data: Record<string, unknown>): Promise<Accepted>
  typing(): void
  upload(file: Blob | ArrayBuffer | Uint8Array, options?: UploadOptions): Command
  withdraw(commandId: string): Promise<Accepted>
  link(attachmentId: string): Promise<any>
  /** End the conversation. Fulfilled when it has ended, rejected if that was refused. */
  end(): Promise<SessionEvent>
  /** Leave. The conversation goes on without this client. */
  close(): void
}

/**
 * A guest session, created or picked by its name; it connects by itself until it is closed,
 * refused, or over.
 */
export function connect(options: ConnectOptions): GuestSession
