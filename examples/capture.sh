#!/bin/sh
# Captures the lead that stands as JSON on standard input:
#
#     echo '{"email": "anna@example.com", "message": "Do you ship to Norway?"}' | examples/capture.sh
#
# Needs curl 7.76 or newer. SHOPBOTLY_URL and SHOPBOTLY_KEY (a secret key) say where and who.
set -eu

: "${SHOPBOTLY_KEY:?set it to a secret key}"
url=${SHOPBOTLY_URL:-http://127.0.0.1:8000}

# The same key each time curl sends it again: however often it arrives, it counts once.
idempotency_key=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')

# curl waits as Retry-After says and tries again on 429, 503 and the like, and here also where nothing answers.
# The key goes in through a file descriptor: on the command line every user of the machine could read it.
curl --silent --show-error --fail-with-body --max-time 15 --retry 5 --retry-connrefused \
	--header @/dev/fd/3 \
	--header 'Content-Type: application/json' \
	--header "Idempotency-Key: $idempotency_key" \
	--data-binary @- \
	"$url/v1/leads" 3<<HEADER
Authorization: Bearer $SHOPBOTLY_KEY
HEADER
echo
