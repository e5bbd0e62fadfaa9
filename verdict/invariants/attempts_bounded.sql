-- claim:    No request is retried more than 100 times, or more than ten times in a second.
-- flow:     any
-- class:    retry
-- severity: major
-- step:     105
-- cause:    A retry loop without a limit or without a wait, or several layers (client, queue, scheduler) that each retry what the other does.
-- remedy:   Wait longer after each failure up to a cap of seconds or minutes, and park what has failed for too long.
WITH repeats AS (
    SELECT *, lag(at_ns, 10) OVER turns AS ten_ago_ns FROM troubled_calls
    WHERE  turn > 1 OR outcome <> 'ok' WINDOW turns AS (PARTITION BY intent ORDER BY turn)
)
SELECT concat_ws(' ', any_value(system), any_value(operation), any_value(subject))         AS subject,
       max(turn) <= 100 AND coalesce(min(at_ns - ten_ago_ns) >= 1000000000, true)         AS holds,
       concat_ws('; ', format('called {} times', max(turn)),
                 CASE WHEN min(at_ns - ten_ago_ns) < 1000000000
                      THEN format('eleven calls within {} ms', min(at_ns - ten_ago_ns) // 1000000) END) AS finding,
       list(call_id ORDER BY turn)                                                        AS evidence,
       any_value(order_ref)                                                               AS order_ref,
       coalesce(arg_min(call_id, turn) FILTER (WHERE at_ns - ten_ago_ns < 1000000000),
                arg_min(call_id, turn) FILTER (WHERE turn > 100))                         AS guilty
FROM   repeats
GROUP  BY intent
HAVING max(turn) > 1
