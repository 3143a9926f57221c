#!/usr/bin/env bash
# Attach a record to a ServiceNow change request. Needs SERVICENOW=https://INSTANCE.service-now.com, and name and
# password for it in ~/.netrc. The change is found by its number, RECORD_TICKET.
set -euo pipefail
curl() { command curl --silent --show-error --fail-with-body --netrc --max-time 60 --header "Accept: application/json" "$@"; }
found=$(curl --get "$SERVICENOW/api/now/table/change_request" \
    --data-urlencode "sysparm_query=number=$RECORD_TICKET" --data-urlencode "sysparm_fields=sys_id")
id=$(sed -n 's/.*"sys_id" *: *"\([0-9a-f]\{32\}\)".*/\1/p' <<<"$found")
[ -n "$id" ] || { echo "no change request $RECORD_TICKET: $found"; exit 1; }
curl --header "Content-Type: text/html" --data-binary "@$RECORD_PAGE" \
    "$SERVICENOW/api/now/attachment/file?table_name=change_request&table_sys_id=$id&file_name=$RECORD_RUN.html"
