// A chat for a web page in one file: asks questions and captures leads with a publishable key.
//
// Everything that comes back is shown as text, never as HTML: answers hold what admins, vendors and other people wrote.

const chat = document.querySelector('#chat')
const url = chat.dataset.url
const key = chat.dataset.key
const log = document.querySelector('#log')
const said = document.querySelector('#said')
const status = document.querySelector('#status')
const mostTries = 3
const longestWait = 20
// Busy, too many requests, or not there for a moment: the same request may succeed later.
const tryAgain = new Set([409, 429, 502, 503, 504])

let conversation = null

// Sends one request; waits as Retry-After says and sends it again where that makes sense.
async function call(path, body, headers = {}) {
  for (let tries = 1; ; tries++) {
    const response = await fetch(url + path, {
      method: 'POST',
      headers: {Authorization: `Bearer ${key}`, 'Content-Type': 'application/json', ...headers},
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(15_000),
    }).catch(() => undefined)
    if (response?.ok) return response.json()
    if (tries === mostTries || (response && !tryAgain.has(response.status))) throw new Error(await reason(response))
    const seconds = Math.min(Number(response?.headers.get('Retry-After')) || 2 ** tries, longestWait)
    status.textContent = `A moment, please: trying again in ${seconds} s.`
    await new Promise(done => setTimeout(done, seconds * 1000))
    status.textContent = ''
  }
}

// What a problem document says, with the number an admin finds the request by.
async function reason(response) {
  if (!response) return 'There is no connection just now. Please try again.'
  const problem = await response.json().catch(() => ({}))
  return `${problem.detail ?? 'That did not work.'} (request ${problem.request_id ?? 'unknown'})`
}

function say(text, kind = '') {
  const line = document.createElement('li')
  line.className = kind
  line.textContent = text
  said.append(line)
  log.scrollTop = log.scrollHeight
  return line
}

function sayAnswer(answer) {
  const line = say(answer.answer)
  const sources = [...new Set(answer.facts.map(fact => fact.source))]
  if (sources.length) {
    const note = document.createElement('small')
    const age = Math.max(...answer.facts.map(fact => fact.age_seconds))
    note.textContent = `From ${sources.join(', ')}, ${age < 1 ? 'just now' : `${Math.round(age)} s ago`}`
    line.append(note)
  }
  if (answer.suggestions.length) {
    const choices = document.createElement('div')
    choices.className = 'choices'
    for (const {label} of answer.suggestions) {
      const button = document.createElement('button')
      button.type = 'button'
      button.textContent = label
      button.addEventListener('click', () => ask(label))
      choices.append(button)
    }
    line.append(choices)
  }
  log.scrollTop = log.scrollHeight
}

async function ask(prompt) {
  const form = document.querySelector('#ask')
  if (form.ariaBusy === 'true') return
  form.ariaBusy = 'true'
  say(prompt, 'mine')
  status.textContent = 'Looking that up …'
  try {
    const answer = await call('/v1/query', {prompt, conversation_id: conversation})
    conversation = answer.conversation_id ?? conversation
    sayAnswer(answer)
  } catch (error) {
    say(error.message, 'problem')
  } finally {
    status.textContent = ''
    form.ariaBusy = 'false'
    document.querySelector('#prompt').focus()
  }
}

document.querySelector('#ask').addEventListener('submit', event => {
  event.preventDefault()
  const field = event.target.elements.prompt
  const prompt = field.value.trim()
  if (!prompt || event.target.ariaBusy === 'true') return
  field.value = ''
  ask(prompt)
})

// Kept until the lead is taken: however often it is sent, it counts once.
let messageId = crypto.randomUUID()

const lead = document.querySelector('#lead')
lead.addEventListener('input', () => { messageId = crypto.randomUUID() })
lead.addEventListener('submit', async event => {
  event.preventDefault()
  const taken = document.querySelector('#taken')
  const button = lead.querySelector('button')
  const {email, first_name, message, website, agrees} = lead.elements
  const consent = agrees.checked
    ? [{purpose: 'email_marketing', granted: true, version: '1', wording: document.querySelector('#wording').textContent}]
    : []
  const body = {
    email: email.value,
    first_name: first_name.value,
    message: message.value,
    website: website.value,
    source: {channel: 'website chat', page_url: location.href.split('#')[0]},
    consent,
  }
  if (conversation) body.conversation_id = conversation
  button.disabled = true
  taken.className = ''
  taken.textContent = 'Sending …'
  try {
    await call('/v1/leads', body, {'Idempotency-Key': messageId})
    lead.reset()
    messageId = crypto.randomUUID()
    taken.textContent = 'Thank you. We will write to you.'
  } catch (error) {
    taken.className = 'problem'
    taken.textContent = error.message
  } finally {
    button.disabled = false
  }
})

document.querySelector('#prompt').focus()
