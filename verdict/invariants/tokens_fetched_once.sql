-- claim:    One access token is fetched for all who need it: no more than four within a second from one system.
-- flow:     any
-- class:    retry
-- severity: minor
-- step:     109
-- cause:    Every worker sees that the token has expired and fetches one of its own.
-- remedy:   Keep one token per system, let one caller fetch the next while the others wait for it, and do not fetch one for every call.
-- Four, for several processes may each have a token of their own. Client libraries fetch the next token up to 300 s before the old
-- one expires: a token that lives no longer than that, and a minute more, is due anew with every call, and nothing is judged.
WITH shortened AS ( -- as the scenario gave it, in real seconds; where it gave nothing, tokens live long enough
    SELECT key AS system, TRY_CAST(value ->> '$.token_lifetime_s' AS DOUBLE)
                          * coalesce(TRY_CAST(facts ->> '$.time_scale' AS DOUBLE), 1) AS lifetime_s
    FROM   run, json_each(facts, '$.scenario.estate.systems')
), grants AS (
    SELECT call_id, system, at_ns, lag(at_ns, 4) OVER turns AS four_ago_ns
    FROM   sut_calls WHERE operation = 'issue_token' AND outcome = 'ok' WINDOW turns AS (PARTITION BY system ORDER BY at_ns, call_id)
)
SELECT system                                                                             AS subject,
       coalesce(min(at_ns - four_ago_ns) >= 1000000000, true)                             AS holds,
       concat_ws('; ', format('{} tokens fetched', count(*)),
                 CASE WHEN min(at_ns - four_ago_ns) < 1000000000 THEN format('five of them within {} ms', min(at_ns - four_ago_ns) // 1000000) END) AS finding,
       list(call_id ORDER BY at_ns, call_id)                                              AS evidence,
       arg_min(call_id, at_ns) FILTER (WHERE at_ns - four_ago_ns < 1000000000)            AS guilty
FROM   grants ANTI JOIN (SELECT * FROM shortened WHERE lifetime_s <= 360) AS s USING (system)
GROUP  BY system
