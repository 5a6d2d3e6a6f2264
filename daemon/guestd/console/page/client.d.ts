/** Talk as a guest through guestd's simulator, from a browser or from Node. */

// <events>
/** A message of the conversation, the guest's own echo (`direction: "Inbound"`) included. */
export interface MessageEvent {
  /** Its place in the guest session: 1, 2, 3, … without holes. */
  seq: number
  /** The platform's id of the message. */
  id: string
  /** Inbound: from the guest; Outbound: from the platform. */
  direction: string
  /** Text or Structured. */
  type: string
  /** What was said; empty where there is only a file. */
  text: string
  /** When the platform processed it (ISO 8601, UTC, milliseconds). */
  time: string
  /** The nickname of who speaks, if the platform gives one. */
  sender: string
  /** True if a bot speaks, and not a person. */
  bot: boolean
  /** True if its place was before messages that had been shown already. */
  late: boolean
  /** Of the guest's own: the command that sent it. */
  command_id: string
  /** The platform's second id, of a guest's own message (channel.messageId). */
  message_id: string
  /** Cards, quick replies, files: content items as the platform sent them. */
  content: unknown[]
  kind: 'message'
  /** When it was recorded, in milliseconds since 1970; 0 in events of version 0.1. */
  at: number
}

/** Join, Disconnect, Clear or SignIn, in the conversation's order. */
export interface PresenceEvent {
  /** Its place in the guest session: 1, 2, 3, … without holes. */
  seq: number
  /** The platform's id of the event. */
  id: string
  /** Inbound: from the guest; Outbound: from the platform. */
  direction: string
  /** Join, Disconnect, Clear or SignIn. */
  presence: string
  /** When the platform processed it (ISO 8601, UTC, milliseconds). */
  time: string
  /** True if the conversation takes no more messages. */
  read_only: boolean
  /** True if its place was before messages that had been shown already. */
  late: boolean
  kind: 'presence'
  /** When it was recorded, in milliseconds since 1970; 0 in events of version 0.1. */
  at: number
}

/** The agent is typing, or has stopped. */
export interface TypingEvent {
  /** Its place in the guest session: 1, 2, 3, … without holes. */
  seq: number
  /** True while the agent is typing. */
  on: boolean
  /** How long to show it, in milliseconds. */
  duration_ms: number
  /** The platform's own word, in the webchat dialect. */
  state: string
  kind: 'typing'
  /** When it was recorded, in milliseconds since 1970; 0 in events of version 0.1. */
  at: number
}

/** A read receipt for a message of the guest (webchat). */
export interface ReceiptEvent {
  /** Its place in the guest session: 1, 2, 3, … without holes. */
  seq: number
  /** The sequenceId of the message. */
  sequence: string
  /** The platform's word for what became of it. */
  status: string
  kind: 'receipt'
  /** When it was recorded, in milliseconds since 1970; 0 in events of version 0.1. */
  at: number
}

/** The guest session changed its state. */
export interface SessionEvent {
  /** Its place in the guest session: 1, 2, 3, … without holes. */
  seq: number
  /** live, resting, leaving or ended. */
  state: string
  /** Why it rests or has ended, as a stable word; or empty. */
  reason: string
  /** True if the conversation takes no more messages. */
  read_only: boolean
  /** True for the live of the first connect. */
  first: boolean
  /** Of live: milliseconds from the beginning of the dial to the platform's answer. */
  latency_ms: number | null
  kind: 'session'
  /** When it was recorded, in milliseconds since 1970; 0 in events of version 0.1. */
  at: number
}

/** What became of a message or file. */
export interface DeliveryEvent {
  /** Its place in the guest session: 1, 2, 3, … without holes. */
  seq: number
  /** The id of the command. */
  command_id: string
  /** confirmed, sent (webchat), failed or uncertain. */
  status: string
  /** Why it failed or is uncertain, in words. */
  reason: string
  /** The platform's id of the message. */
  message_id: string
  /** guestd's stable word for why it failed; the errors' page has them all. */
  code: string
  /** The HTTP status of the platform's refusal. */
  platform_status: number | null
  /** The platform's own code: of an error frame, or of a call. */
  platform_code: string
  /** The platform's id of its refusal, for its support. */
  correlation_id: string
  /** Milliseconds since the command was accepted; null where unknown. */
  latency_ms: number | null
  /**
   * Milliseconds from the last sending to the confirmation; null if it was not confirmed, or was
   * sent by another process.
   */
  took_ms: number | null
  /** How often it was sent, as far as this process knows; 0: not at all. */
  attempts: number
  kind: 'delivery'
  /** When it was recorded, in milliseconds since 1970; 0 in events of version 0.1. */
  at: number
}

/** How far a file has come. What became of the message that carries it is told by `delivery`. */
export interface AttachmentEvent {
  /** Its place in the guest session: 1, 2, 3, … without holes. */
  seq: number
  /** The id of the command. */
  command_id: string
  /** asked, uploading, uploaded, retrying, failed or withdrawn. */
  status: string
  /** Its name, as it was given. */
  filename: string
  /** Its size in bytes. */
  size_bytes: number
  /** The platform's id of the file, once it is known. */
  attachment_id: string
  /** Which upload of it this is, from 1. */
  attempt: number
  /** Why it is tried again or failed, in words. */
  reason: string
  /** The platform's id of its refusal, for its support. */
  correlation_id: string
  /** guestd's stable word for why it failed; the errors' page has them all. */
  code: string
  /** The HTTP status of the platform's refusal. */
  platform_status: number | null
  /** The platform's own code: of an error frame, or of a call. */
  platform_code: string
  kind: 'attachment'
  /** When it was recorded, in milliseconds since 1970; 0 in events of version 0.1. */
  at: number
}

/** Something is missing that could not be fetched. */
export interface GapEvent {
  /** Its place in the guest session: 1, 2, 3, … without holes. */
  seq: number
  /** What is missing and why, in words. */
  reason: string
  /** The id, sequenceId or seq before the gap. */
  after: string
  /** The one behind it. */
  before: string
  kind: 'gap'
  /** When it was recorded, in milliseconds since 1970; 0 in events of version 0.1. */
  at: number
}

/** A command was accepted; it is durable, and is carried out also after a crash. */
export interface AcceptedEvent {
  /** Its place in the guest session: 1, 2, 3, … without holes. */
  seq: number
  /** The id of the command. */
  command_id: string
  /** send, reply, context, attach or end. */
  action: string
  /** Of a message: what is to be said. */
  text: string
  kind: 'accepted'
  /** When it was recorded, in milliseconds since 1970; 0 in events of version 0.1. */
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
  /** For uploads, and without a page for the reason of a handshake that failed. */
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
  /** guestd has it (on disk, where journal.directory is set). Rejected with a GuestdError if it is refused. */
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
  /** The HTTP status of an upload or a handshake that was refused; 0: guestd was not reached. */
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
  /** The largest file that it took when it said hello, in bytes; 0: none. */
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
