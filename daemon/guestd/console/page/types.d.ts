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

/** How much of a budget is used. */
export interface BudgetState {
  /** messages, requests, history reads or connects. */
  name: string
  used: number
  limit: number
  /** Whose it is: session, connection or daemon. */
  by: string
  /** When one more may be used than now. */
  frees_at: string | null
}

/**
 * What changed since `after`. With `reset` it is not known what was before, and the list has to be
 * loaded anew; so it is without `after`.
 */
export interface Changes {
  /** The daemon's time, in milliseconds since 1970. */
  at: number
  reset: boolean
  /** Guest sessions by state. */
  counts: Record<string, number>
  /** [id, state, seq, time of the newest event, waiting, uncertain] of each. */
  changed: ((string | number)[])[]
  /** Ids of those that have ended. */
  gone: string[]
  /** The `after` of the next batch. */
  next: string
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

export interface ConnectionStatus {
  /** How many connections were opened. */
  n: number
  host: string
  /** What the socket is connected to; "" without one. */
  address: string
  /** When the present one was opened. */
  since: string | null
  /** To open one, since the session was live. */
  tries: number
  last_close: LastClosed | null
}

/** An address that opens the console once. */
export interface ConsoleTicket {
  /** From the daemon's own machine. */
  url: string
  /** The end of the address, with the ticket; empty if no token is set. */
  fragment: string
  expires_in_s: number
}

/** What the ticket stands for; null where no token is set. */
export interface ConsoleTokens {
  /** For /v1 and /__emulator. */
  api_token: string | null
  /** For the simulator's socket. */
  simulator_token: string | null
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

/** How much of a bound is used. */
export interface FleetBudget {
  /** sessions, connects, dials, rest.1, streams, open_files, … */
  name: string
  used: number
  limit: number
  /** When some of it is free again by itself; null: not by time. */
  frees_at: string | null
}

/** A frame, the opening or the close of a connection, or frames that are not kept. */
export interface Frame {
  /** Its number; frames that are not kept are missing in it. */
  n: number
  /** Epoch milliseconds. */
  at: number
  /** in, out; of an opening or a close: who did it. */
  direction: string
  /** text, binary, ping, pong, open, close or not_kept. */
  kind: string
  /** The number of its connection. */
  connection: number
  /** Of the whole frame. */
  bytes: number
  /** Its class, action or type, with what it carries; the cause of a close. */
  class: string
  /** The frame's code, or that of the close. */
  code: number | null
  tracing_id: string
  /** The command whose message it carries, or is about. */
  command_id: string
  /** The newest event it led to at once, or that of its command. */
  seq: number
  /** Some or all of its text is left out, because it is too long. */
  cut: boolean
  /** Its message had been taken before: it comes twice and is shown once. */
  repeated: boolean
  /** With texts=true. */
  text: string | null
  /** Of a close: platform, network or guestd. */
  by: string
  /** Of a close. */
  reason: string
  /** Of an opening or a close: the try, since it was live. */
  attempt: number
  /** Of an opening. */
  host: string
  /** Of an opening: what the socket is connected to. */
  address: string
  /** Of not_kept: how many. */
  count: number
}

/** Frames in order. Ask again with `after` = `next`; `more`: there are more already. */
export interface FramePage {
  frames: Frame[]
  next: number
  more: boolean
  /** The number of the oldest that is kept. */
  first_kept: number
  /** When they began to be kept (epoch milliseconds). */
  since: number
  /** The guest session has ended. */
  over: boolean
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

export interface HeartbeatState {
  /** What the last answer took, in milliseconds. */
  last_ms: number | null
  next_at: string | null
}

/** Messages held back until they may be shown in order. */
export interface HoldState {
  held: number
  oldest_at: string | null
}

/** What this daemon is, and what it can do for this caller. */
export interface Info {
  version: string
  /** ISO 8601. */
  started_at: string
  /** The daemon's time of this answer, in milliseconds since 1970. */
  at: number
  /** webmessaging or webchat. */
  dialect: string
  target: InfoTarget
  /** What this caller may do here: read, write. */
  may: string[]
  /**
   * What can be asked for here: changes, events, explain, files, frames, load, reconnect, watch.
   */
  features: string[]
  /** Where on this port the emulator's own routes are; null: nowhere. */
  emulator: string | null
  limits: InfoLimits
  /** disk; or memory (journal.directory is not set): what has ended is not kept. */
  journal: string
  /** Ids of load runs, the newest first. */
  load_runs: string[]
}

export interface InfoLimits {
  /** Guest sessions at once (limits.max_sessions). */
  sessions: number
  /** The longest text of a message, in `message_unit`. */
  message: number
  /** bytes or characters. */
  message_unit: string
  /** The largest file (attachments.file_bytes_max). */
  file_bytes: number
  /** The longest body of a request (api.body_bytes_max). */
  body_bytes: number
  /** The longest page of a list. */
  page: number
  /** Sessions asked for by `ids` at once. */
  ids: number
}

/** Whom the guest sessions talk to. */
export interface InfoTarget {
  /** embedded or emulator: no real agents are reached; or platform. */
  kind: string
  /** For a person: the region, else the host, or `emulator`. */
  name: string
  region: string
  /** Of the platform's guest socket. */
  host: string
  deployment_id: string
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

/** How the last connection, or the last try to open one, ended. */
export interface LastClosed {
  at: string | null
  cause: string
  /** The close code, or the HTTP status of a refusal. */
  code: number | null
  /** platform, network or guestd. */
  by: string
  reason: string
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
  /** When the oldest of them was accepted. */
  waiting_since: string | null
  /** Messages whose fate cannot be found out, since the daemon started. */
  uncertain: number
  /** Connects that failed since it was live. */
  attempt: number
  /** When a resting one asks for a connection again. */
  next_try_at: string | null
  /** Since when a heartbeat of its connection waits for its answer. */
  unanswered_since: string | null
  /** By which cause the connection was lost that is not back. */
  reason: string
  /**
   * Why it needs attention: uncertain, down, unanswered, unconfirmed, leaving, connecting; or
   * empty.
   */
  attention: string
}

/** A run at one moment: what `guestd load` writes each second where there is no terminal. */
export interface LoadFigures {
  /** Seconds since the run's start. */
  at_s: number
  /** null: until all guests are through. */
  left_s: number | null
  /**
   * How many there should be at this moment; null where guests arrive at a rate, and when the run
   * is over.
   */
  guests_wanted: number | null
  /** By state: live, opening, resting, waiting, leaving. */
  guests: Record<string, number>
  sessions: LoadSessions
  messages: LoadMessages
  per_s: LoadRates
  echo_ms: LoadPercentiles
  first_reply_ms: LoadPercentiles
  /** The steps that guests wait in, and how many do. */
  waits: Record<string, number>
  /** What failed, in words, and how often. */
  errors: Record<string, number>
  /** By cause, without those dropped. */
  lost_connections: Record<string, number>
  /** By scenarios, with `drop`: no errors. */
  dropped_connections: number
  /** Answers 429, by bucket. */
  throttled: Record<string, number>
  /** Of the log. */
  warnings: Record<string, number>
  thresholds: LoadThreshold[]
  /** Of one core, used by the load generator in its busiest minute. */
  cpu: number
  /** Above it the run is not valid. */
  cpu_max: number
  /** Of the load generator's event loop, p99. */
  lag_ms: number
  /** Above it the run is not valid. */
  lag_ms_max: number
  /** Why the run is not valid so far, in words. */
  too_slow: string[]
  stopping: boolean
}

export interface LoadMessages {
  sent: number
  confirmed: number
  received: number
}

/** In milliseconds; null where nothing was measured. */
export interface LoadPercentiles {
  count: number
  p50: number | null
  p95: number | null
  p99: number | null
  max: number | null
}

/**
 * A part of the run, `length_s` long from `at_s`. Counts are of the part; `guests` are at its end,
 * by state.
 */
export interface LoadPoint {
  at_s: number
  length_s: number
  guests: Record<string, number>
  sent: number
  received: number
  opened: number
  ended: number
  steps_failed: number
  echo_ms: LoadPercentiles
  first_reply_ms: LoadPercentiles
  lost_connections: number
  throttled: number
  cpu: number
  lag_ms: number
}

/** Of the last second. */
export interface LoadRates {
  opened: number
  sent: number
  received: number
}

/** One run. */
export interface LoadRunFacts {
  /** Of this form. */
  version: 1
  id: string
  name: string
  /** comparing: the guests are done, what they had is compared with the platform. */
  state: 'starting' | 'running' | 'stopping' | 'comparing' | 'over'
  /** emulator, or the address of the platform's API. */
  target: string
  /** How many guests, when, and for how long, in words. */
  plan: string
  /** In milliseconds since 1970; 0: not yet. */
  started_at: number
  /** The time of this answer, in milliseconds since 1970. */
  at: number
  seed: number
  /** Processes that share the guests. */
  workers: number
  /** console, signal, threshold …, rails …; or empty. */
  stopped_by: string
}

/** The runs of this process, the newest first. */
export interface LoadRunList {
  runs: LoadRunFacts[]
}

/** A run as it is now. */
export interface LoadRunNow {
  /** Of this form. */
  version: 1
  id: string
  name: string
  /** comparing: the guests are done, what they had is compared with the platform. */
  state: 'starting' | 'running' | 'stopping' | 'comparing' | 'over'
  /** emulator, or the address of the platform's API. */
  target: string
  /** How many guests, when, and for how long, in words. */
  plan: string
  /** In milliseconds since 1970; 0: not yet. */
  started_at: number
  /** The time of this answer, in milliseconds since 1970. */
  at: number
  seed: number
  /** Processes that share the guests. */
  workers: number
  /** console, signal, threshold …, rails …; or empty. */
  stopped_by: string
  /** null: it has not begun. */
  now: LoadFigures | null
  /** null: it is not over. */
  verdict: LoadVerdict | null
  /**
   * Those that changed after `after`, in order of time: at most 300. Each takes the place of those
   * that lie within it.
   */
  points: LoadPoint[]
  /** The `after` of the next question. */
  next: number
}

export interface LoadSessions {
  /** Guests that were started. */
  planned: number
  opened: number
  ended: number
  /** Ended, but the platform did not say so. */
  unconfirmed_end: number
  /** Never live, or not ended by the guest. */
  failed: number
}

/** One threshold so far. */
export interface LoadThreshold {
  expression: string
  /** What its figure is, in words. */
  about: string
  /** Whether it holds so far; null: not known yet. */
  ok: boolean | null
  value: number | null
  limit: number
  /** Of value and limit: ms, count, ratio, per_s. */
  unit: string
  note: string
}

/** What the run came to, in words. */
export interface LoadVerdict {
  kind: 'ok' | 'bad' | 'warn'
  words: string
  /** A sentence; empty where nothing did. */
  what_went_wrong: string
  validity: string
  exit_code: number
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
  /**
   * Letters and digits of any script and . _ @ + -, not beginning with a dot; unique among the open
   * ones. Generated if left out, but webchat needs one.
   */
  name?: string
  /** webchat needs one. */
  email?: string
  /** webchat: what the agent sees; `name` if left out. */
  display_name?: string
  /** Custom attributes. */
  attributes?: Record<string, string>
  /** webchat: sent on connecting. */
  metadata?: Record<string, any>
  /** Its life in seconds; sessions.duration_s if left out. */
  duration_s?: number
}

/**
 * A REST operation. `problem` says why it failed or is deferred, or why failed heartbeats ended a
 * messaging session; it contains no secret. `ending`: it was asked to end, and is not over yet.
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

/** A connection of before. */
export interface PastConnectionState {
  from: string | null
  to: string | null
  cause: string
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
  /**
   * With invalid: `field` and `detail` of each thing that is wrong in the request, at most 20. Of
   * the platform's refusal: the `message`, `code` and `field` of each single error that it lists.
   */
  errors: Record<string, string>[]
  /** The OAuth scope that the platform asks for. */
  missing_scope: string
  /** All scopes any one of which is enough. */
  scopes: string[]
  /** What to do about the platform's refusal, as in the detail. */
  remedy: string
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

export interface Reconnect {
  /** With a closing handshake, or as a network that breaks: without one. */
  how?: 'close' | 'abort'
}

/** guestd's connection of that session is closed. */
export interface Reconnecting {
  session_id: string
  how: string
  /** That of the session now: resting, until its next try. */
  state: string
}

/** The ticket of the address. */
export interface RedeemTicket {
  ticket: string
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
  /** When the oldest of them was accepted. */
  waiting_since: string | null
  /** Messages whose fate cannot be found out, since the daemon started. */
  uncertain: number
  /** Connects that failed since it was live. */
  attempt: number
  /** When a resting one asks for a connection again. */
  next_try_at: string | null
  /** Since when a heartbeat of its connection waits for its answer. */
  unanswered_since: string | null
  /** By which cause the connection was lost that is not back. */
  reason: string
  /**
   * Why it needs attention: uncertain, down, unanswered, unconfirmed, leaving, connecting; or
   * empty.
   */
  attention: string
}

/** What a guest session waits for, the nearest first, and the facts beside it. */
export interface SessionExplanation {
  session_id: string
  name: string
  state: string
  /** When it came into its state. */
  since: string | null
  /** The first of `waits_for` in words, or "Waits for nothing.". */
  sentence: string
  waits_for: Wait[]
  buckets: BudgetState[]
  connection: ConnectionStatus
  heartbeat: HeartbeatState
  hold: HoldState
  unconfirmed: UnconfirmedMessage[]
  uploads: UploadState[]
  /** When its agreed time is over. */
  expires_at: string | null
  /** The last five, the oldest first. */
  connections: PastConnectionState[]
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
  /** The daemon's time of this answer, in milliseconds since 1970. */
  at: number
  budgets: FleetBudget[]
  /** With `window`. */
  history: StatsColumns | null
  /**
   * Calls of the platform that failed for good: in total, and by kind (token_validation,
   * rate_limit, auth, network, other).
   */
  failed_calls: Record<string, number>
  /**
   * Single requests to the platform that failed, made again or not: in total, and by the same
   * kinds.
   */
  failed_attempts: Record<string, number>
  /**
   * Checks of guest tokens by outcome; accepted_by_platform and refused_by_platform are the
   * platform's.
   */
  token_checks: Record<string, number>
  /** The guest tokens that were checked, each once in each operation. */
  tokens_judged: number
  /** The share of those tokens whose latest check went wrong; 0 before the first. */
  token_validation_failure_ratio: number
}

/** Columns of equal length, oldest first. A row tells of the `step_s` seconds before `at`. */
export interface StatsColumns {
  /** 1 or 60. */
  step_s: number
  /**
   * at, waiting, dialing, joining, live, resting, leaving, in, out, confirmed, failed, uncertain,
   * opened, ended, connects, connects_failed, lost, lost.closed_by_peer, lost.lost,
   * lost.unanswered, lost.protocol_violation, lost.closed_by_us, lost.reconnect_asked,
   * lost.throttled, throttled.messages, throttled.connects, throttled.rest, echo_p50, echo_p95,
   * echo_p99, loop_lag_p99, cpu, rss, open_files, watchers.
   */
  columns: Record<string, (number | null)[]>
}

/** How it is stopped. */
export interface StopLoadRun {
  /** Leave conversations open, instead of letting the guests end them. */
  at_once?: boolean
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

export interface UnconfirmedMessage {
  command_id: string
  /** send, reply or attach. */
  action: string
  /** Its first 120 characters. */
  text: string
  /** storing, uploading, ready, sent, or doubted: it may have been sent before a restart. */
  state: string
  /** When it was sent. */
  since: string | null
  attempts: number
  /** That of its frames. */
  tracing_id: string
}

export interface UploadState {
  command_id: string
  filename: string
  size_bytes: number
  /** waiting, asked, putting, confirming or done. */
  step: string
  attempts: number
  until: string | null
}

/** One thing it waits for. */
export interface Wait {
  /**
   * journal, connect_budget, dial, join, reconnect, doubt, echo, upload, throttled, request_rate,
   * message_rate, history, order, overload, repetition, heartbeat, leave or goodbye.
   */
  code: string
  /** What is waited for, to a person. */
  sentence: string
  /** What happens next, and when. */
  detail: string
  /** ISO 8601, as all times here. */
  since: string | null
  /** When the wait is over, one way or the other. */
  until: string | null
}
