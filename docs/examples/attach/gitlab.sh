#!/usr/bin/env bash
# Attach a record to the GitLab issue whose title holds the ticket. Needs GITLAB=https://gitlab.example.com,
# GITLAB_PROJECT (its number), and GITLAB_HEADERS: a file (mode 600) with the line "PRIVATE-TOKEN: TOKEN".
set -euo pipefail
project="$GITLAB/api/v4/projects/$GITLAB_PROJECT"
curl() { command curl --silent --show-error --fail-with-body --max-time 60 --header "@$GITLAB_HEADERS" "$@"; }
number() { # of the issue whose title holds the ticket, from the list in the JSON of stdin
    python3 -c 'import json, os, re, sys
ticket = re.compile(re.escape(os.environ["RECORD_TICKET"]) + r"(?![\w-])")
print(*[each["iid"] for each in json.load(sys.stdin) if ticket.search(each["title"])][:1])'
}
issue=$(curl --get "$project/issues" --data-urlencode "search=$RECORD_TICKET" --data "in=title" | number)
[ -n "$issue" ] || { echo "no issue with $RECORD_TICKET in its title"; exit 1; }
link=$(curl --form "file=@$RECORD_PAGE;filename=$RECORD_RUN.html" "$project/uploads" |
    sed -n 's/.*"markdown" *: *"\([^"]*\)".*/\1/p')
[ -n "$link" ] || { echo "GitLab took no file"; exit 1; }
curl --data-urlencode "body=$link: $RECORD_OUTCOME, sha256 $RECORD_DIGEST" "$project/issues/$issue/notes"
