#!/bin/bash
# The job in jq: a state that `foreach` carries from event to event.
#
# jq changes a state in place only while nothing else holds it, so sessions stand at the top of the
# state (beside "clock" and the like, as users have digits only), each is replaced as a whole, and no
# `//` or `select` is used where the state is at hand; otherwise each event copies all sessions.
set -euo pipefail
job=$1 log=$2 output=$3

searches='
def seconds($midnight):
  $midnight + (.[11:13] | tonumber) * 3600 + (.[14:16] | tonumber) * 60 + (.[17:-1] | tonumber);

# The search of a session as a row, if it has one.
def row($closed_by):
  .start as $start | .user as $user | .search | select(.)
  | [if .clicks > 0 then 1 else 0 end, $user, .query, .results, .clicks, .first_rank,
     .first_click_s, .time, $start, $closed_by, $closed_by == "search"];

def rank($event):
  if $event.rank then $event.rank
  elif .items then .items | index($event.item) | if . == null then null else . + 1 end
  else null end;

# The open search of a session after an event.
def search($event; $now):
  if $event.type == "Search" then {query: $event.query, time: $event.time, at: $now, clicks: 0}
  elif .search == null then null
  elif $event.type == "Results" then
    .search | setpath(["items"]; .items + $event.items) | setpath(["results"]; .items | length)
  elif $event.type == "ClickResult" then
    .search | setpath(["clicks"]; .clicks + 1)
    | if .clicks > 1 then . else
        . + {first_click_s: (($now - .at) * 1000 | round / 1000), first_rank: rank($event)} end
  else .search end;

# Every search as soon as it is over, and at the end the number of events.
def searches:
  {AppClose: "close", Timeout: "timeout", Search: "search"} as $closing
  | foreach (inputs, null) as $event ({events: 0};
      if $event == null then
        .clock as $clock
        | {over: ([.[] | objects | row(if $clock - .latest > 2100 then "gap" else "end" end)]
            + [.events])}
      else
        (if $event.time[:10] == .date then . else
          setpath(["date"]; $event.time[:10])
          | setpath(["midnight"]; .date + "T00:00:00Z" | fromdate) end)
        | .midnight as $midnight | ($event.time | seconds($midnight)) as $now
        | "\($event.user)" as $user | .[$user] as $session
        | $closing[$event.type] as $closed_by
        | ($session != null and $now - $session.latest > 1800) as $is_past
        | setpath(["events"]; .events + 1)
        | setpath(["clock"]; $now)
        | setpath(["over"];
            if $session == null then []
            elif $is_past then [$session | row("gap")]
            elif $closed_by then [$session | row($closed_by)]
            else [] end)
        | setpath([$user];
            if $closed_by and $closed_by != "search" then null
            elif $session == null or $is_past then
              {user: $user, start: $event.time, latest: $now, search: ({} | search($event; $now))}
            else
              $session | setpath(["search"]; search($event; $now)) | setpath(["latest"]; $now) end)
      end;
      .over[]);
'
summary='
[searches] | .[-1] as $events | .[:-1]
| map({user: .[1], results: .[3], clicks: .[4], first_click_s: .[6], is_last: (.[9] != "search")})
| def count(condition): map(select(condition)) | length;
  (map(.first_click_s | numbers) | sort) as $first_clicks_s
| {
    events: $events,
    users: (map(.user) | unique | length),
    sessions: count(.is_last),
    searches: length,
    clicked_searches: count(.clicks > 0),
    ctr: (count(.clicks > 0) / length),
    clicks: (map(.clicks) | add),
    clicks_per_search: ((map(.clicks) | add) / length),
    with_results: count(.results > 0),
    zero_results: count(.results == 0),
    abandoned: count(.results > 0 and .clicks == 0 and .is_last),
    reformulated: count(.clicks == 0 and (.is_last | not)),
    first_click_s_p50: $first_clicks_s[($first_clicks_s | length - 1) * 0.5 | floor],
    first_click_s_p90: $first_clicks_s[($first_clicks_s | length - 1) * 0.9 | floor]
  }
'
run='
["ctr", "user", "query", "results", "clicks", "first_rank", "first_click_s", "time",
 "session_start", "closed_by", "followed"], (searches | arrays)
| @csv
'

read_log() {
    if [[ $log == *.gz ]]; then gzip -dc "$log"; else cat "$log"; fi
}
if [[ $job == summary ]]; then program=$summary; else program=$run; fi
read_log | jq -n -r "$searches $program" > "$output"
