import type { FastifyReply } from 'fastify'
import { errorPage } from './pages/page.js'

/** Nothing comes from elsewhere, and nothing is written into a page but its markup. */
const POLICY = 'default-src \'none\'; style-src \'self\'; script-src \'self\'; connect-src \'self\'; img-src data:; form-action \'self\'; frame-ancestors \'none\'; base-uri \'none\''

/** Answers with a page, or a part of one. */
export function show (reply: FastifyReply, page: string): FastifyReply {
  return reply
    .header('content-security-policy', POLICY)
    .header('cache-control', 'no-store')
    .type('text/html; charset=utf-8')
    .send(page)
}

export function showError (reply: FastifyReply, status: number, title: string, advice: string): FastifyReply {
  return show(reply.code(status), errorPage(title, advice))
}

/** Answers somebody who has no session, or whose session has ended in the meantime. */
export function refuse (reply: FastifyReply, status = 401): FastifyReply {
  return showError(reply, status, 'You are not signed in', 'Perhaps this session was ended in another window or on another device. Nothing was saved.')
}

/** Answers a form: its page is loaded anew, unless the page's script has sent it. */
export function done (reply: FastifyReply, live: string | undefined): FastifyReply {
  return live === undefined ? reply.redirect('/', 303) : reply.code(204).send()
}

/** The query of a form: the page's script sends it with `?live`. */
export interface Live {
  readonly live?: string
}
