-- claim:    After a restart of the middleware an unclear request is repeated under the Idempotency-Key that it had before.
-- flow:     any
-- class:    idempotency
-- severity: critical
-- step:     6
-- leads_to: acts
-- cause:    The key is made at random and kept in memory only.
-- remedy:   Make keys of the intent, or store them with the task before the first attempt; nothing of a key may come from the process.
-- Unclear is also what was answered in the last second before the process ended: the answer died with it.
WITH restarts AS (
    SELECT DISTINCT at_ns FROM faults WHERE fault IN ('sut-kill', 'sut-restart') AND mark = 'fired'
), attempts AS (
    SELECT *, lag(idempotency_key) OVER turns AS key_before, lag(at_ns) OVER turns AS before_ns
    FROM   troubled_calls WINDOW turns AS (PARTITION BY intent ORDER BY turn)
), again AS (
    SELECT call_id, idempotency_key, lag(call_id) OVER turns AS call_before, lag(outcome) OVER turns AS outcome_before,
           lag(idempotency_key) OVER turns AS key_before
    FROM   repeated_calls WINDOW turns AS (PARTITION BY intent ORDER BY turn)
), repeated AS ( -- a key that answers with its old failure can never do better
    SELECT a.call_id, a.call_before, a.key_before FROM attempts AS a
    SEMI   JOIN restarts AS r ON r.at_ns BETWEEN a.before_ns AND a.at_ns -- what was under way may be answered after it
    WHERE  a.passing_before AND a.key_before IS NOT NULL
    UNION
    SELECT a.call_id, a.call_before, a.key_before FROM again AS a
    JOIN   sut_calls AS c ON c.call_id = a.call_id AND c.order_ref IS NOT NULL -- what is published may come again as it was
    JOIN   sut_calls AS b ON b.call_id = a.call_before
    SEMI   JOIN restarts AS r ON r.at_ns BETWEEN b.at_ns AND c.at_ns AND b.replied_ns >= r.at_ns - 1000000000
    WHERE  a.outcome_before = 'ok' AND a.key_before IS NOT NULL
)
SELECT concat_ws(' ', c.system, c.operation, c.subject)                                   AS subject,
       bool_and(c.idempotency_key IS NOT DISTINCT FROM r.key_before)                      AS holds,
       format('{} before the restart, {} after it', min(r.key_before), coalesce(max(c.idempotency_key), 'no key')) AS finding,
       flatten(list([r.call_before, r.call_id] ORDER BY c.at_ns))                         AS evidence,
       any_value(c.order_ref)                                                             AS order_ref,
       arg_min(r.call_id, c.at_ns) FILTER (WHERE c.idempotency_key IS DISTINCT FROM r.key_before) AS guilty
FROM   repeated AS r
JOIN   sut_calls AS c ON c.call_id = r.call_id
GROUP  BY c.system, c.operation, c.subject, c.path, c.request_body
