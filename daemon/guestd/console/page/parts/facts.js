/** Pairs of a word and a value; a bar of time; tabs; a row of choices. */
import { html } from '../ui.js'

/** @param {{facts: [string, any, string?][]}} props the third is shown on hover */
export const Facts = ({ facts }) => html`<dl class="facts">${facts.map(([word, value, title]) => html`<div key=${word}><dt>${word}</dt><dd title=${title}>${value}</dd></div>`)}</dl>`

/** @param {{share: number, label: string}} props `share`: 0 to 1 of the time is over */
export const Bar = ({ share, label }) => html`<div class="bar" role="progressbar" aria-valuenow=${Math.round(share * 100)} aria-valuemin="0" aria-valuemax="100" aria-label=${label}><i style=${{ width: `${Math.min(100, share * 100)}%` }}></i></div>`

/**
 * @typedef {object} TabsProps
 * @property {string} label
 * @property {{key: string, text: string, count?: number | string}[]} tabs
 * @property {string} selected
 * @property {(key: string) => void} onSelect
 * @property {string} panel the id of what it shows
 */

/** @param {TabsProps} props */
export function Tabs({ label, tabs, selected, onSelect, panel }) {
  const key = (/** @type {KeyboardEvent} */ e) => {
    const at = tabs.findIndex((one) => one.key === selected)
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[e.key]
    if (to === undefined) return
    e.preventDefault()
    const next = tabs[(to + tabs.length) % tabs.length]
    onSelect(next.key)
    document.getElementById(`tab-${next.key}`)?.focus()
  }
  return html`<div class="tabs" role="tablist" aria-label=${label} onKeyDown=${key}>${tabs.map((one) => html`<button
    key=${one.key} id=${`tab-${one.key}`} role="tab" aria-selected=${one.key === selected} aria-controls=${panel} tabindex=${one.key === selected ? 0 : -1}
    onClick=${() => onSelect(one.key)}>${one.text}${one.count ? html`<small> ${one.count}</small>` : null}</button>`)}</div>`
}

/** @param {{label: string, choices: [string, any][], value: string, onChoose: (value: string) => void}} props */
export const Choice = ({ label, choices, value, onChoose }) => html`<div class="seg" role="group" aria-label=${label}>${choices.map(([key, text]) => html`<button
  type="button" key=${key} aria-pressed=${key === value} onClick=${() => onChoose(key)}>${text}</button>`)}</div>`
