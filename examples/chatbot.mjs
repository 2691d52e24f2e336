// A chatbot's server in small: asks a question, answers what was asked back, captures a lead, and makes a session with
// which the page of a signed-in visitor asks by itself.
//
// Needs Node 18 or newer and no packages. SHOPBOTLY_URL and SHOPBOTLY_KEY (a secret key) say where and who:
//
//     node examples/chatbot.mjs

import {randomUUID} from 'node:crypto'
import {setTimeout as sleep} from 'node:timers/promises'

const url = process.env.SHOPBOTLY_URL ?? 'http://127.0.0.1:8000'
const key = process.env.SHOPBOTLY_KEY
// The page the visitor looks at: its origin stands at the client. The installation's own always works.
const page = process.env.SHOPBOTLY_PAGE ?? url
const mostTries = 5
// Busy, too many requests, or not there for a moment: the same request may succeed later.
const tryAgain = new Set([409, 429, 502, 503, 504])

if (!key) {
  console.error('error: set SHOPBOTLY_KEY to a secret key')
  process.exit(1)
}

// Sends one request; waits and sends it again where that makes sense.
async function call(path, body, headers = {}) {
  for (let tries = 1; ; tries++) {
    const response = await send(path, body, headers)
    if (response?.ok) return response.json()
    if (tries === mostTries || (response && !tryAgain.has(response.status))) throw new Error(await reason(response))
    const seconds = Number(response?.headers.get('Retry-After')) || 2 ** tries
    await sleep(seconds * 1000)
  }
}

// Returns the response, or nothing where there was none: then the lead may have been taken, and the same
// Idempotency-Key makes sending it again safe.
async function send(path, body, headers) {
  try {
    return await fetch(url + path, {
      method: 'POST',
      headers: {Authorization: `Bearer ${key}`, 'Content-Type': 'application/json', ...headers},
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(15_000),
    })
  } catch {
    return undefined
  }
}

// What a problem document says, with the request id that the admin can look for.
async function reason(response) {
  if (!response) return `no answer from ${url}`
  const problem = await response.json().catch(() => ({}))
  return `${response.status} ${problem.code}: ${problem.detail} (request ${problem.request_id})`
}

let answer = await call('/v1/query', {prompt: 'Check order status'})
console.log('bot:   ', answer.answer)

// What is missing is in answer.missing; what the person says next goes into the same conversation.
const reply = 'It is S00041, and I am anna@example.com'
console.log('person:', reply)
answer = await call('/v1/query', {prompt: reply, conversation_id: answer.conversation_id})
console.log('bot:   ', answer.answer)
for (const fact of answer.facts) {
  console.log(`        ${fact.name} = ${JSON.stringify(fact.value)} (from ${fact.source}, ${fact.age_seconds} s old)`)
}

// One key per message of the person, kept until the answer is there: however often it is sent, it counts once.
const messageId = randomUUID()
const lead = {email: 'anna@example.com', first_name: 'Anna', message: 'Do you ship to Norway?'}
const captured = await call('/v1/leads', lead, {'Idempotency-Key': messageId})
console.log('lead:  ', captured.id, captured.created ? 'is new' : 'was known')

// For a visitor who has signed in to the shop. The token goes to their page, which then calls for 30 minutes by itself:
// it asks as this visitor, whatever is typed, and sees nobody else's orders.
const session = await call('/v1/sessions', {origin: page, customer: {email: 'anna@example.com'}})
console.log('session: for', session.expires_in, 's')

// What the page does with it (in a browser, the Origin header is set by the browser):
const asPage = {Authorization: `Bearer ${session.token}`, Origin: page}
const own = await call('/v1/query', {prompt: 'Where is my order S00041?'}, asPage)
console.log('bot:   ', own.answer)
