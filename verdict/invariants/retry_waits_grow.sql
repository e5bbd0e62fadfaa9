-- claim:    Waits between retries of the same request grow, up to a minute at most.
-- flow:     any
-- class:    retry
-- severity: major
-- step:     106
-- cause:    A fixed wait between attempts, or a count that starts anew with each failure.
-- remedy:   Double the wait with every attempt (exponential backoff) up to a cap, or leave a failing system alone and ask it with one call at a time.
-- Judged only where ten requests or more were tried five times or more; waits that the system itself asked for do not count. A middleware
-- that waits 2 s or longer by then hammers nobody, whatever the curve.
WITH waits AS (
    SELECT system, intent, turn, call_id, (at_ns - replied_before_ns) / 1e9 AS wait_s,
           count(*) OVER (PARTITION BY intent) AS waits
    FROM   troubled_calls WHERE turn BETWEEN 2 AND 5 AND passing_before AND asked_to_wait_s IS NULL
), curves AS (
    SELECT system, count(DISTINCT intent) AS requests, median(wait_s) FILTER (WHERE turn = 2) AS first_s,
           median(wait_s) FILTER (WHERE turn = 5) AS fourth_s, list(call_id ORDER BY intent, turn)[:20] AS call_ids
    FROM   waits WHERE waits = 4 GROUP BY system HAVING count(DISTINCT intent) >= 10
)
SELECT system                                                                             AS subject,
       (fourth_s >= 1.5 * first_s OR fourth_s >= 2) AND fourth_s <= 60                    AS holds,
       format('{} requests: {:.3f} s before the second attempt, {:.3f} s before the fifth (medians)', requests, first_s, fourth_s) AS finding,
       call_ids                                                                           AS evidence,
       call_ids[4]                                                                        AS guilty
FROM   curves
