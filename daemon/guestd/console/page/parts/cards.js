/** What stands beside a text: cards, choices, dates, lists, forms. What is unknown is shown as JSON. */
import { html } from '../ui.js'
import { link } from '../text.js'
import { duration, instant, when } from '../time.js'
import { File } from './file.js'
import { Json, withoutQueries } from './json.js'
import { Link, Some, Text } from './text.js'

/**
 * @typedef {object} Context what a choice needs
 * @property {string} session its id
 * @property {string} messageId
 * @property {{text?: string, payload?: string} | null} answered what was chosen; null: nothing yet
 * @property {boolean} canAnswer
 * @property {(type: string, text: string, payload: string, messageId: string) => void} choose
 */

/** @param {{content: any[], of: Context}} props */
export function Content({ content, of }) {
  const choices = content.filter((one) => one?.contentType === 'QuickReply').map((one) => one.quickReply ?? {})
  const others = content.filter((one) => !['QuickReply', 'ButtonResponse'].includes(one?.contentType))
  return html`<${Some} items=${others} draw=${(one) => html`<${Part} one=${one} of=${of} />`} />
    ${choices.length > 0 && html`<${Choices} choices=${choices} of=${of} type="QuickReply" />`}`
}

/** @param {{one: any, of: Context}} props */
function Part({ one, of }) {
  switch (one?.contentType) {
    case 'Attachment': return html`<${File} session=${of.session} file=${one.attachment ?? {}} />`
    case 'Card': return html`<${Card} card=${one.card ?? {}} of=${of} />`
    case 'Carousel': return html`<div class="carousel" tabindex="0" role="group" aria-label="Cards"><${Some} items=${one.carousel?.cards ?? []} draw=${(card) => html`<${Card} card=${card} of=${of} />`} /></div>`
    case 'DatePicker': return html`<${DatePicker} picker=${one.datePicker ?? {}} of=${of} />`
    case 'ListPicker': return html`<${ListPicker} picker=${one.listPicker ?? {}} of=${of} />`
    case 'Form': return html`<${Form} form=${one.form ?? {}} />`
    case 'Text': return html`<div class="bubble"><${Text} text=${String(one.text?.body ?? one.text ?? '')} /></div>`
    default: return html`<div class="bubble unknown"><p class="by">${String(one?.contentType ?? 'unknown content')}</p><${Json} value=${withoutQueries(one)} /></div>`
  }
}

/** @param {{choices: any[], of: Context, type: string}} props */
function Choices({ choices, of, type }) {
  const chosen = (/** @type {any} */ one) => Boolean(of.answered) && (one.payload === of.answered?.payload || (!of.answered?.payload && one.text === of.answered?.text))
  const isOver = Boolean(of.answered) || !of.canAnswer
  return html`<div class="quick" role="group" aria-label=${of.answered ? 'Quick replies, answered' : 'Quick replies'}>
    <${Some} items=${choices} draw=${(one) => html`<button disabled=${isOver} aria-pressed=${chosen(one) || undefined} dir="auto"
      onClick=${() => of.choose(type, String(one.text ?? ''), String(one.payload ?? one.text ?? ''), of.messageId)}>${String(one.text ?? '')}</button>`} /></div>`
}

/** @param {{card: any, of: Context}} props */
function Card({ card, of }) {
  const actions = Array.isArray(card.actions) ? card.actions : []
  const image = link(card.image)
  return html`<div class="bubble card">
    ${image && html`<p class="art">Picture at <${Link} url=${image}>${image.host}<//></p>`}
    <div class="body"><b dir="auto">${String(card.title ?? '')}</b>${card.description && html`<span dir="auto">${String(card.description)}</span>`}</div>
    ${actions.length > 0 && html`<div class="acts"><${Some} items=${actions} max=${10} draw=${(one) => html`<${Action} one=${one} of=${of} />`} /></div>`}</div>`
}

/** @param {{one: any, of: Context}} props */
function Action({ one, of }) {
  const url = one?.type === 'Link' ? link(one.url) : null
  const text = String(one?.text ?? '')
  if (url) return html`<${Link} url=${url}>${text} <small>${url.host}</small><//>`
  if (one?.type === 'Link') return html`<button disabled title="not an address of the web">${text}</button>`
  return html`<button dir="auto" disabled=${!of.canAnswer} aria-pressed=${(of.answered && one?.payload === of.answered.payload) || undefined}
    onClick=${() => of.choose('Button', text, String(one?.payload ?? text), of.messageId)}>${text}</button>`
}

/** @param {{picker: any, of: Context}} props */
function DatePicker({ picker, of }) {
  const times = (picker.availableTimes ?? []).map((/** @type {any} */ one) => ({
    text: `${when(instant(one?.dateTime)) || String(one?.dateTime)}, ${duration((one?.duration ?? 0) * 1000)}`,
    payload: String(one?.dateTime ?? ''),
  }))
  return html`<div class="bubble card"><div class="body"><b dir="auto">${String(picker.title ?? 'Choose a time')}</b>${picker.subtitle && html`<span dir="auto">${String(picker.subtitle)}</span>`}
    <${Choices} choices=${times} of=${of} type="DatePicker" /></div></div>`
}

/** @param {{picker: any, of: Context}} props */
function ListPicker({ picker, of }) {
  return html`<div class="bubble card"><div class="body"><b dir="auto">${String(picker.receivedMessage?.title ?? picker.receivedMessage ?? 'Choose')}</b>
    <${Some} items=${picker.sections ?? []} draw=${(part) => html`<span dir="auto">${String(part?.title ?? '')}</span>
      <${Choices} type="ListPicker" of=${of} choices=${(part?.items ?? []).map((/** @type {any} */ one) => ({ text: one?.title, payload: one?.id }))} />`} /></div></div>`
}

/** Shown, not filled in: what it holds, page by page. @param {{form: any}} props */
const Form = ({ form }) => html`<div class="bubble card"><div class="body"><b dir="auto">${String(form.introduction?.title ?? 'Form')}</b>
  <span>${(form.formPages ?? []).length} pages; forms are answered by the platform’s own widget</span><${Json} value=${withoutQueries(form)} /></div></div>`
