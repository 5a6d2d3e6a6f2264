/**
 * A file of the conversation. It comes through the daemon, never from another host. Pictures are
 * shown from blobs, texts as text, all else by name; a blob is never opened as a page, for it would
 * be of our own origin: it is saved, as a plain stream of bytes.
 */
import { html, useEffect, useState } from '../ui.js'
import { request } from '../api.js'
import { cut, size } from '../text.js'
import { told } from './toast.js'
import { Icon } from './icons.js'

const PICTURES = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/svg+xml'])
const PICTURE_BYTES_MAX = 10e6
const PIXELS_MAX = 40e6
const TEXT_BYTES_MAX = 65_536

/** @typedef {{id: string, filename: string, mime: string, fileSize: number}} Attachment */

/** @param {string} session @param {string} id */
const pathOf = (session, id) => `v1/sessions/${encodeURIComponent(session)}/files/${encodeURIComponent(id)}`

/**
 * What was fetched, the oldest use first: the platform makes a new link for each fetch, and a
 * conversation is drawn again and again.
 * @type {Map<string, Promise<Blob>>}
 */
const fetched = new Map()
const KEPT_MAX = 24
/** Larger ones are fetched again: with the number above it bounds the memory. */
const KEPT_BYTES_MAX = 2e6

/** The conversation has left the screen. */
export const forgetFiles = () => fetched.clear()

/** @param {string} session @param {string} id @returns {Promise<Blob>} */
export function fileOf(session, id) {
  const path = pathOf(session, id)
  const found = fetched.get(path) ?? request('GET', path).then((response) => response.blob())
  fetched.delete(path)
  fetched.set(path, found)
  const forget = () => fetched.get(path) === found && fetched.delete(path)
  found.then((blob) => blob.size > KEPT_BYTES_MAX && forget(), forget)
  const [oldest] = fetched.keys()
  if (fetched.size > KEPT_MAX) fetched.delete(oldest)
  return found
}

/** @param {string} session @param {Attachment} file */
async function save(session, file) {
  const blob = new Blob([await fileOf(session, file.id)], { type: 'application/octet-stream' })
  saveBlob(blob, file.filename || 'file')
}

/** @param {Blob} blob @param {string} name */
export function saveBlob(blob, name) {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}

/**
 * The address of a picture's blob; "" where it is none, or too large.
 * @param {string} session @param {Attachment} file
 */
async function picture(session, file) {
  const blob = await fileOf(session, file.id)
  if (blob.size > PICTURE_BYTES_MAX) return ''
  const shown = new Blob([blob], { type: file.mime })
  if (file.mime !== 'image/svg+xml') {
    const bitmap = await createImageBitmap(shown)
    const pixels = bitmap.width * bitmap.height
    bitmap.close()
    if (pixels > PIXELS_MAX) return ''
  }
  return URL.createObjectURL(shown)
}

/** @param {{session: string, file: Attachment}} props */
export function File({ session, file }) {
  const [address, show] = useState('')
  const [text, showText] = useState(/** @type {string | null} */ (null))
  const isPicture = PICTURES.has(file.mime) && file.fileSize <= PICTURE_BYTES_MAX
  const isText = /^(text\/|application\/json$)/.test(file.mime ?? '') && file.fileSize <= TEXT_BYTES_MAX
  useEffect(() => {
    if (!isPicture || !file.id) return undefined
    let made = ''
    let isGone = false
    picture(session, file).then((found) => {
      made = found
      if (isGone) URL.revokeObjectURL(found)
      else show(found)
    }, () => {})
    return () => {
      isGone = true
      if (made) URL.revokeObjectURL(made)
    }
  }, [session, file.id])
  const read = async () => showText(cut(await (await fileOf(session, file.id)).text(), TEXT_BYTES_MAX))
  return html`<div class="bubble file">
    <button class="thumb" title="Save" aria-label=${`Save ${file.filename}`} disabled=${!file.id} onClick=${() => told(save(session, file))}>
      ${address ? html`<img src=${address} alt="" />` : html`<${Icon} name="file" />`}</button>
    <div><b><bdi>${file.filename}</bdi></b><span>${size(file.fileSize ?? 0)} · ${file.mime || 'file'}</span>
      ${isText && text === null && html`<button class="more" onClick=${() => told(read())}>Show the text</button>`}
      ${text !== null && html`<pre class="json" tabindex="0">${text}</pre>`}</div></div>`
}
