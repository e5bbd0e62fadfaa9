-- claim:    A request that was refused for good is not retried.
-- flow:     any
-- class:    retry
-- severity: major
-- step:     101
-- cause:    Every status above 399 is treated alike, so that a 422 is repeated like a 503.
-- remedy:   Tell refusals for good (most 4xx) from those that pass (408, 425, 429, 5xx, lost replies); park the first, retry only the second.
WITH asked AS (
    SELECT *, min(CASE WHEN permanent AND outcome = 'refused' THEN replied_ns END)
                OVER (PARTITION BY intent) AS refused_ns
    FROM   troubled_calls WHERE refused_by IS DISTINCT FROM 'auth'
)
SELECT concat_ws(' ', system, operation, subject)                                         AS subject,
       count(*) FILTER (WHERE at_ns > refused_ns) = 0                                     AS holds,
       format('refused for good ({}), then retried {} times', coalesce(arg_min(error, at_ns) FILTER (WHERE permanent), 'no code'),
              count(*) FILTER (WHERE at_ns > refused_ns))                                 AS finding,
       list_concat([arg_min(call_id, at_ns) FILTER (WHERE permanent)],
                   list(call_id ORDER BY at_ns) FILTER (WHERE at_ns > refused_ns))        AS evidence,
       any_value(order_ref)                                                               AS order_ref,
       arg_min(call_id, at_ns) FILTER (WHERE at_ns > refused_ns)                          AS guilty
FROM   asked
WHERE  refused_ns IS NOT NULL
GROUP  BY intent, system, operation, subject
