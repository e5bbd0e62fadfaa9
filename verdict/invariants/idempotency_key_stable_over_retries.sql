-- claim:    A request whose outcome is unknown is repeated under the Idempotency-Key that it first had.
-- flow:     any
-- class:    idempotency
-- severity: critical
-- step:     100
-- cause:    The key is made anew for each attempt instead of once for each thing to be done.
-- remedy:   Store the key with the task before the first attempt, and send that key with every attempt.
WITH unclear AS ( -- few; only what came after them is looked at
    SELECT DISTINCT system, operation, subject, request_body FROM sut_calls
    WHERE  changes AND idempotency_key IS NOT NULL AND (outcome = 'unknown' OR status >= 500)
), attempts AS (
    SELECT call_id, system, operation, subject, path, request_body, order_ref, at_ns, idempotency_key,
           outcome = 'unknown' OR coalesce(status >= 500, false)                              AS unclear,
           lag((outcome = 'unknown' OR coalesce(status >= 500, false))
               AND NOT coalesce(replayed AND status >= 500, false)) OVER intent               AS repeats,
           -- a key that answers with its old failure can never do better: only another one can
           lag(idempotency_key) OVER intent                                                   AS key_before,
           lag(call_id) OVER intent                                                           AS call_before
    FROM   sut_calls
    SEMI   JOIN unclear USING (system, operation, subject, request_body)
    WHERE  changes
    WINDOW intent AS (PARTITION BY system, client, operation, subject, path, request_body ORDER BY at_ns, call_id)
)
SELECT concat_ws(' ', system, operation, subject)                                         AS subject,
       bool_and(idempotency_key IS NOT DISTINCT FROM key_before)                          AS holds,
       coalesce(string_agg(format('repeated under {} after {}', coalesce(idempotency_key, 'no key'), key_before), ', ' ORDER BY at_ns)
                  FILTER (WHERE idempotency_key IS DISTINCT FROM key_before),
                format('{} repeats under one key', count(*)))                             AS finding,
       flatten(list([call_before, call_id] ORDER BY at_ns))                               AS evidence,
       any_value(order_ref)                                                               AS order_ref
FROM   attempts
WHERE  repeats AND key_before IS NOT NULL
GROUP  BY system, operation, subject, path, request_body
