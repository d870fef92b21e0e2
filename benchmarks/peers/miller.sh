#!/bin/bash
# The job in Miller's language: out-of-stream variables hold the open sessions.
set -euo pipefail
job=$1 log=$2 output=$3

searches='
begin {
  @closing = {"AppClose": "close", "Timeout": "timeout"};
  @events = 0;
}
func rank_of(str item, items): int {
  n = 0;
  if (is_array(items)) {
    for (shown in items) {
      n += 1;
      if (shown == item) {
        return n;
      }
    }
  }
  return 0;
}
subr take_click(str user, now, str item, rank) {
  @search[user]["clicks"] += 1;
  if (@search[user]["clicks"] == 1) {
    @search[user]["first_click_s"] = roundm(now - @search[user]["at"], 0.001);
    if (is_present(rank)) {
      @search[user]["first_rank"] = rank;
    } else {
      place = rank_of(item, @items[user]);
      if (place > 0) {
        @search[user]["first_rank"] = place;
      }
    }
  }
}
subr end_session(str user, str closed_by) {
  if (is_present(@search[user])) {
    call end_search(user, closed_by);
  }
  unset @latest[user];
}
now = strptime($time, "%Y-%m-%dT%H:%M:%SZ");
user = string($user);
@events += 1;
@clock = now;
if (is_present(@latest[user]) && now - @latest[user] > 1800) {
  call end_session(user, "gap");
}
if (is_present(@closing[$type])) {
  call end_session(user, @closing[$type]);
} else {
  if (is_absent(@latest[user])) {
    @start[user] = $time;
  }
  @latest[user] = now;
  if ($type == "Search") {
    if (is_present(@search[user])) {
      call end_search(user, "search");
    }
    @search[user] = {"query": $query, "time": $time, "at": now, "results": "", "clicks": 0,
      "first_rank": "", "first_click_s": ""};
  } elif (is_present(@search[user])) {
    if ($type == "Results") {
      if (is_present(@items[user])) {
        @items[user] = concat(@items[user], $items);
      } else {
        @items[user] = $items;
      }
      @search[user]["results"] = length(@items[user]);
    } elif ($type == "ClickResult") {
      call take_click(user, now, $item, $rank);
    }
  }
}
end {
  for (user, latest in @latest) {
    call end_session(string(user), @clock - latest > 2100 ? "gap" : "end");
  }
}
'
run='
subr end_search(str user, str closed_by) {
  map search = @search[user];
  emit1 {"ctr": search["clicks"] > 0 ? 1 : 0, "user": user, "query": search["query"],
    "results": search["results"], "clicks": search["clicks"],
    "first_rank": search["first_rank"], "first_click_s": search["first_click_s"],
    "time": search["time"], "session_start": @start[user], "closed_by": closed_by,
    "followed": closed_by == "search"};
  unset @search[user];
  unset @items[user];
}
'
summary='
begin {
  @n = {"events": 0, "users": 0, "sessions": 0, "searches": 0, "clicked_searches": 0, "ctr": 0,
    "clicks": 0, "clicks_per_search": 0, "with_results": 0, "zero_results": 0, "abandoned": 0,
    "reformulated": 0};
}
subr end_search(str user, str closed_by) {
  map search = @search[user];
  @users[user] = 1;
  @n["searches"] += 1;
  @n["clicks"] += search["clicks"];
  if (search["results"] . "" != "") {
    @n[search["results"] > 0 ? "with_results" : "zero_results"] += 1;
  }
  if (search["clicks"] > 0) {
    @n["clicked_searches"] += 1;
    @first_clicks_s[@n["clicked_searches"]] = search["first_click_s"];
  } elif (closed_by == "search") {
    @n["reformulated"] += 1;
  } elif (search["results"] . "" != "" && search["results"] > 0) {
    @n["abandoned"] += 1;
  }
  if (closed_by != "search") {
    @n["sessions"] += 1;
  }
  unset @search[user];
  unset @items[user];
}
end {
  @n["events"] = @events;
  @n["users"] = length(@users);
  @n["ctr"] = @n["clicked_searches"] / @n["searches"];
  @n["clicks_per_search"] = @n["clicks"] / @n["searches"];
  first_clicks_s = sort(get_values(@first_clicks_s));
  @n["first_click_s_p50"] = first_clicks_s[(@n["clicked_searches"] - 1) // 2 + 1];
  @n["first_click_s_p90"] = first_clicks_s[9 * (@n["clicked_searches"] - 1) // 10 + 1];
  emit1 @n;
}
'
if [[ $job == summary ]]; then
    program="$searches $summary" format=--ojsonl
else
    program="$searches $run" format=--ocsv
fi
if [[ $log == *.gz ]]; then compressed=--gzin; else compressed=; fi
mlr --ijsonl $format $compressed --from "$log" put -q "$program" > "$output"
