-- claim:    After an outage the backlog is drained gradually, not in one burst.
-- flow:     any
-- class:    retry
-- severity: major
-- step:     108
-- cause:    Everything that waited has the same next attempt, or a queue is let loose without a limit.
-- remedy:   Limit the calls under way to each system, begin with one after an outage, and let one more through with every success.
-- Judged where ten requests or more had failed in an outage: in the two seconds after it, no more than 24 calls may be under way at
-- once, or twice as many as in the minute before it.
WITH windows AS (
    SELECT injection, system, min(at_ns) FILTER (WHERE mark = 'armed') AS began_ns, max(at_ns) FILTER (WHERE mark = 'healed') AS healed_ns
    FROM   faults WHERE fault IN ('outage', 'refused', 'maintenance-page', 'reset-on-connect', 'server-error')
    GROUP  BY injection, system
), outages AS ( -- those in which really something failed
    SELECT w.injection, any_value(w.system) AS system, any_value(w.began_ns) AS began_ns, any_value(w.healed_ns) AS healed_ns,
           count(DISTINCT c.intent) AS requests
    FROM   windows AS w JOIN troubled_calls AS c ON c.system = w.system AND c.passing AND c.at_ns BETWEEN w.began_ns AND w.healed_ns
    GROUP  BY w.injection HAVING count(DISTINCT c.intent) >= 10
), near AS (
    SELECT o.injection, c.call_id, c.at_ns, c.replied_ns, c.at_ns >= o.healed_ns AS is_after
    FROM   outages AS o
    JOIN   sut_calls AS c ON c.system = o.system
    WHERE  c.at_ns BETWEEN o.began_ns - 60000000000 AND o.healed_ns + 2000000000
      AND  NOT c.at_ns BETWEEN o.began_ns AND o.healed_ns - 1
), edges AS (
    SELECT injection, is_after, at_ns, 1 AS step, call_id FROM near
    UNION  ALL
    SELECT injection, is_after, replied_ns, -1, NULL FROM near
), under_way AS (
    SELECT injection, is_after, at_ns, call_id, sum(step) OVER (PARTITION BY injection, is_after ORDER BY at_ns, step ROWS UNBOUNDED PRECEDING) AS calls
    FROM   edges
), most AS (
    SELECT injection, coalesce(max(calls) FILTER (WHERE NOT is_after), 0)::BIGINT AS before, coalesce(max(calls) FILTER (WHERE is_after), 0)::BIGINT AS after,
           list(call_id ORDER BY at_ns) FILTER (WHERE is_after AND call_id IS NOT NULL) AS call_ids
    FROM   under_way GROUP BY injection
)
SELECT o.injection                                                                        AS subject,
       m.after <= greatest(24, 2 * m.before)                                              AS holds,
       format('{} was back: {} calls under way at once, {} before the outage; {} requests had failed in it', o.system, m.after, m.before, o.requests) AS finding,
       coalesce(m.call_ids, [o.injection])                                                AS evidence,
       m.call_ids[1]                                                                      AS guilty
FROM   outages AS o
JOIN   most AS m ON m.injection = o.injection
