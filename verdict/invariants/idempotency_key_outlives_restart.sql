-- claim:    After a restart of the middleware an unclear request is repeated under the Idempotency-Key that it had before.
-- flow:     any
-- class:    idempotency
-- severity: critical
-- step:     6
-- leads_to: acts
-- cause:    The key is made at random and kept in memory only.
-- remedy:   Make keys of the intent, or store them with the task before the first attempt; nothing of a key may come from the process.
WITH restarts AS (
    SELECT DISTINCT at_ns FROM faults WHERE fault IN ('sut-kill', 'sut-restart') AND mark = 'fired'
), attempts AS (
    SELECT *, lag(idempotency_key) OVER turns AS key_before, lag(at_ns) OVER turns AS before_ns FROM troubled_calls WINDOW turns AS (PARTITION BY intent ORDER BY turn)
), repeated AS ( -- a key that answers with its old failure can never do better
    SELECT a.* FROM attempts AS a
    SEMI   JOIN restarts AS r ON r.at_ns BETWEEN a.before_ns AND a.at_ns -- what was under way may be answered after it
    WHERE  a.passing_before AND a.key_before IS NOT NULL
)
SELECT concat_ws(' ', system, operation, subject)                                         AS subject,
       bool_and(idempotency_key IS NOT DISTINCT FROM key_before)                          AS holds,
       format('{} before the restart, {} after it', min(key_before), coalesce(max(idempotency_key), 'no key')) AS finding,
       flatten(list([call_before, call_id] ORDER BY at_ns))                               AS evidence,
       any_value(order_ref)                                                               AS order_ref,
       arg_min(call_id, at_ns) FILTER (WHERE idempotency_key IS DISTINCT FROM key_before) AS guilty
FROM   repeated
GROUP  BY system, operation, subject, path, request_body
