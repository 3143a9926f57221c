#!/usr/bin/env bash
# Keep a record in a repository of GitHub, and name it in the issue whose title holds the ticket. GitHub's API attaches
# no file to an issue, so the page is committed below records/. Needs GITHUB_REPOSITORY=OWNER/REPO, and GITHUB_HEADERS:
# a file (mode 600) with the line "Authorization: Bearer TOKEN"; GITHUB_API_URL for a server of your own.
set -euo pipefail
api=${GITHUB_API_URL:-https://api.github.com}
curl() { command curl --silent --show-error --fail-with-body --max-time 60 --header "@$GITHUB_HEADERS" "$@"; }
number() { # of the issue whose title holds the ticket, from the list in the JSON of stdin
    python3 -c 'import json, os, re, sys
ticket = re.compile(re.escape(os.environ["RECORD_TICKET"]) + r"(?![\w-])")
print(*[each["number"] for each in json.load(sys.stdin)["items"] if ticket.search(each["title"])][:1])'
}
issue=$(curl --get "$api/search/issues" --data-urlencode "q=repo:$GITHUB_REPOSITORY is:issue in:title \"$RECORD_TICKET\"" | number)
[ -n "$issue" ] || { echo "no issue with $RECORD_TICKET in its title"; exit 1; }
file="records/$RECORD_RUN.html"
{ printf '{"message": "Record of %s: %s", "content": "' "$RECORD_TICKET" "$RECORD_OUTCOME"
  base64 --wrap 0 "$RECORD_PAGE"; printf '"}'; } |
    curl --request PUT --data-binary @- --output /dev/null "$api/repos/$GITHUB_REPOSITORY/contents/$file"
curl --data "{\"body\": \"Record $file: $RECORD_OUTCOME, sha256 $RECORD_DIGEST\"}" \
    "$api/repos/$GITHUB_REPOSITORY/issues/$issue/comments"
