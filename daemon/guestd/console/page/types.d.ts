// Written by `make types` from the models in Python; not edited by hand.
export type {
  JournalEvent, AcceptedEvent, AttachmentEvent, DeliveryEvent, GapEvent, MessageEvent,
  PresenceEvent, ReceiptEvent, SessionEvent, TypingEvent
} from './client.js'
import type {
  JournalEvent, AcceptedEvent, AttachmentEvent, DeliveryEvent, GapEvent, MessageEvent,
  PresenceEvent, ReceiptEvent, SessionEvent, TypingEvent
} from './client.js'

/** The command is durable and will be carried out; `commands/{command_id}` shows its state. */
export interface Accepted {
  session_id: string
  command_id: string
  seq: number
}

/** How prompts were adopted in an interval: `2026-01-01T00:00:00Z/2026-02-01T00:00:00Z`. */
export interface AdoptionRequest {
  interval: string
  pageSize?: number
  /** Yours, for asking again safely. */
  operation_id?: string
}

export interface Choice {
  text: string
  payload: string
}

/** The state of a command. `accepted`: in progress, or of a kind that is never confirmed. */
export interface CommandState {
  session_id: string
  command_id: string
  seq: number
  /** send, reply, context, attach or end. */
  action: string
  /** accepted, sent, confirmed, failed or uncertain. */
  status: string
  /** Why it failed or is uncertain, in words. */
  reason: string
  message_id: string
  /**
   * guestd's own stable word for why: platform_refused, platform_unavailable, unconfirmed, ended,
   * withdrawn, spool, or that of the rule that a file breaks.
   */
  code: string
  /** The HTTP status that the platform answered, if it was one. */
  platform_status: number | null
  /** The platform's own code: of an error frame, or of a refused call. */
  platform_code: string
  /** The platform's id of its refusal, for its support. */
  correlation_id: string
}

/**
 * One webhook for one target. Its body and the target's secrets are not shown. Times are epoch
 * milliseconds.
 */
export interface Delivery {
  /** What the receiver de-duplicates on; the same when it is sent again. */
  delivery_id: string
  target: string
  /** Whose order it keeps. */
  lane: string
  event: string
  /** waiting, delivered or dead. */
  status: string
  attempts: number
  created_ms: number
  due_ms: number
  reason: string
}

/**
 * In the order of their creation. `next` is the `after` of the next page; null on the last page.
 */
export interface DeliveryPage {
  deliveries: Delivery[]
  next: string | null
}

export interface DisplaySettings {
  delayMs: number
  maxConcurrentPrompts: number
  autoDismissMs: number
}

/**
 * Events in order. Ask again with `after` = `next`; `more`: there is more already. `first_kept` is
 * the oldest seq.
 */
export interface EventPage {
  events: JournalEvent[]
  next: number
  more: boolean
  first_kept: number
}

/**
 * A contact and a conversation for a guest. Without `guestToken` one is signed, where keys are
 * configured.
 */
export interface GuestRequest {
  guestId: string
  queueId: string
  guestToken?: string | null
  customAttributes?: Record<string, string | number | boolean | null>
  skillRequirements?: string[]
  webhookUrl?: string | null
  /** Yours, for asking again safely. */
  operation_id?: string
}

/**
 * One message with `text` or `html`, according to its `type`. Without `timestamp` it gets a time
 * between its neighbours'.
 */
export interface InjectedMessage {
  type: 'text' | 'html'
  from: 'agent' | 'customer' | 'bot' | 'system'
  text?: string | null
  html?: string | null
  timestamp?: string | null
}

/**
 * Messages for a running interaction. Timestamps must increase by at least 1 ms, and leave 1 ms for
 * each message between them that has none.
 */
export interface InjectionRequest {
  interactionId: string
  messages: InjectedMessage[]
  webhookUrl?: string | null
  /** Yours, for asking again safely. */
  operation_id?: string
}

/** The newest message of the conversation, either way. */
export interface LastMessageSummary {
  /** Cut to 120 characters. */
  text: string
  /** Inbound: the guest's own; Outbound. */
  direction: string
  type: string
}

/** A guest session in a list. With `fields`, those and `session_id` are there and no others. */
export interface ListedSession {
  session_id: string
  name: string
  /** waiting, dialing, joining, live, resting, leaving, ended. */
  state: string
  seq: number
  read_only: boolean
  /** As of one that is shown alone. */
  file_bytes_max: number
  /** When it was opened (ISO 8601). */
  opened_at: string | null
  /** When its agreed time is over. */
  ends_at: string | null
  /** Its last message, either way, since the daemon started. */
  last_message_at: string | null
  /** Of one that is over. */
  ended_at: string | null
  /** Since when it is in its state. */
  state_since: string | null
  /** When it ends at the latest: `ends_at`, or what the platform said. */
  expires_at: string | null
  /** Its newest event of any kind; of one without any, when it was opened. */
  last_activity_at: string | null
  /** Since the daemon started; with `ids` it is looked up. */
  last_message: LastMessageSummary | null
  /** Custom attributes it was opened with. */
  attributes: Record<string, string>
  /** Messages of the guest's that are not settled yet. */
  waiting: number
  /** Messages whose fate cannot be found out, since the daemon started. */
  uncertain: number
  /** Connects that failed since it was live. */
  attempt: number
  /** When a resting one asks for a connection again. */
  next_try_at: string | null
  /** By which cause the connection was lost that is not back. */
  reason: string
  /**
   * Why somebody should look at it: uncertain, down, unconfirmed, leaving, connecting; or empty.
   */
  attention: string
}

/** A messaging session over REST. `guestId` names the guest wherever its token must not appear. */
export interface MessagingSessionRequest {
  guestToken: string
  queueId: string
  guestId?: string | null
  name?: string
  locale?: string
  capabilities?: string[]
  userAgent?: string
  durationS?: number | null
  webhookUrl?: string | null
  /** Yours, for asking again safely. */
  operation_id?: string
}

/** A guest session to be opened. */
export interface OpenSession {
  /** Unique among the open ones; generated if left out. */
  name?: string
  /** webchat needs one. */
  email?: string
  /** Custom attributes. */
  attributes?: Record<string, string>
  /** webchat: sent on connecting. */
  metadata?: Record<string, any>
  /** Its life in seconds; sessions.duration_s if left out. */
  duration_s?: number
}

/**
 * A REST operation. `problem` says why it failed, or why failed heartbeats ended a messaging
 * session; it contains no secret. `ending`: it was asked to end, and is not over yet.
 */
export interface Operation {
  operation_id: string
  kind: string
  status: 'running' | 'deferred' | 'succeeded' | 'failed' | 'uncertain'
  step: string
  request: Record<string, any>
  result: Record<string, any>
  problem: Record<string, any> | null
  started_ms: number
  ending: boolean
}

/** Running operations and those that ended last, newest first. */
export interface OperationList {
  operations: Operation[]
}

/** Why a request was refused or failed (RFC 9457). */
export interface ProblemDocument {
  /** A URI that names the kind: urn:guestd:problem:CODE. */
  type: string
  /** The HTTP status in words. */
  title: string
  /** The HTTP status. */
  status: number
  /** What was wrong here, and what to do. */
  detail: string
  /** The path asked for. */
  instance: string
  /** The stable word to program against. */
  code: string
  /** Which part of the request is meant, if one. */
  field: string
  /** When to try again; as the header Retry-After, rounded up. */
  retry_after_s: number | null
  /** With not_ready: the same in milliseconds. */
  retry_after_ms: number | null
  /** With not_ready: the guest session's state. */
  state: string
  /** The platform's id of its refusal, for its support. */
  correlation_id: string
  /** The HTTP status that the platform answered. */
  platform_status: number | null
  /** The platform's own word for its refusal. */
  platform_code: string
  /** guestd's own word where the platform gave none: timeout, broken, malformed. */
  cause: string
  /** The single errors that the platform lists: message, code, field. */
  errors: Record<string, string>[]
  /** The OAuth scope that the platform asks for. */
  missing_scope: string
  /** All scopes any one of which is enough. */
  scopes: string[]
  /** With 500: the id beside the error in the log. */
  error_id: string
}

/** A prompt for the agent's screen. */
export interface PromptRequest {
  conversationId: string
  promptId: string
  triggerConditions?: TriggerCondition[]
  displaySettings: DisplaySettings
  webhookUrl?: string | null
  contextData?: Record<string, any> | null
  /** Yours, for asking again safely. */
  operation_id?: string
}

export interface Replayed {
  /** How many dead letters are sent again. */
  replayed: number
}

/** A choice from what the agent offered (reference: quick reply, card, date, list). */
export interface ReplyTo {
  /** Button, DatePicker, Form, ListPicker, QuickReply. */
  type?: string
  choices: Choice[]
  /** The id of the message answered. */
  in_reply_to?: string
}

/** A message of the guest: either `text` or `reply`. */
export interface SendMessage {
  /** Yours, for asking again safely; generated if left out. */
  command_id?: string
  text?: string
  /** With a text only. */
  attributes?: Record<string, string>
  reply?: ReplyTo | null
  /**
   * What is to become of it while a lost connection is not back: wait, or be refused with
   * not_ready; messages.when_down if left out.
   */
  when_down?: 'queue' | 'reject' | null
}

/** A guest session. `seq` is that of its newest event. */
export interface Session {
  session_id: string
  name: string
  /** waiting, dialing, joining, live, resting, leaving or ended. */
  state: string
  seq: number
  read_only: boolean
  /**
   * The largest file that it takes now, in bytes: what the platform allows, or
   * attachments.file_bytes_max if that is less; 0: none.
   */
  file_bytes_max: number
  /** When it was opened (ISO 8601). */
  opened_at: string | null
  /** When its agreed time is over. */
  ends_at: string | null
  /** Its last message, either way, since the daemon started. */
  last_message_at: string | null
  /** Of one that is over. */
  ended_at: string | null
  /** Since when it is in its state. */
  state_since: string | null
  /** When it ends at the latest: `ends_at`, or what the platform said. */
  expires_at: string | null
  /** Its newest event of any kind; of one without any, when it was opened. */
  last_activity_at: string | null
  /** Since the daemon started; with `ids` it is looked up. */
  last_message: LastMessageSummary | null
  /** Custom attributes it was opened with. */
  attributes: Record<string, string>
  /** Messages of the guest's that are not settled yet. */
  waiting: number
  /** Messages whose fate cannot be found out, since the daemon started. */
  uncertain: number
  /** Connects that failed since it was live. */
  attempt: number
  /** When a resting one asks for a connection again. */
  next_try_at: string | null
  /** By which cause the connection was lost that is not back. */
  reason: string
  /**
   * Why somebody should look at it: uncertain, down, unconfirmed, leaving, connecting; or empty.
   */
  attention: string
}

/**
 * Guest sessions in the order asked for. `next` is the `after` of the next page; null on the last
 * page. `total` counts all pages, `counts` by state those that match all but `state`.
 */
export interface SessionPage {
  sessions: ListedSession[]
  next: string | null
  total: number
  counts: Record<string, number>
  /** The daemon's time of this answer, in milliseconds since 1970. */
  at: number
}

/** The frontend's state, any JSON object: custom attributes, or the context frame of webchat. */
export interface SetContext {
  command_id?: string
  context: Record<string, any>
}

/** Figures since the start of the daemon. A sync is a webhook that was delivered. */
export interface Stats {
  /**
   * Guest sessions on the socket and messaging sessions over REST: opened, or resumed at the start.
   */
  total_sessions: number
  /** Those of them that have ended, of both kinds. */
  disconnections: number
  /** disconnections / total_sessions; 0 before the first. */
  disconnection_rate: number
  /** Those of total_sessions on the socket. */
  guest_sessions_total: number
  /** Those of disconnections on the socket. */
  guest_sessions_ended: number
  /** Those of total_sessions over REST. */
  messaging_sessions_total: number
  /** Those of disconnections over REST. */
  messaging_sessions_ended: number
  /**
   * Mean time from the request of a delivered webhook to the receiver's answer; 0 before the first.
   */
  average_sync_latency_ms: number
  /** Webhooks delivered. */
  syncs: number
  /** Messaging sessions over REST that are running now. */
  messaging_sessions: number
  /** Guest sessions on the socket now, by state. */
  guest_sessions: Record<string, number>
}

/**
 * The conversation in order: messages, presence, and the gaps that could not be filled. Ask again
 * with `after` = `next`.
 */
export interface Transcript {
  messages: (MessageEvent | PresenceEvent | GapEvent)[]
  next: number
  more: boolean
  first_kept: number
}

export interface TriggerCondition {
  type: 'keyword' | 'sentiment' | 'duration' | 'confidence'
  value: string | number
  threshold?: number | null
}
