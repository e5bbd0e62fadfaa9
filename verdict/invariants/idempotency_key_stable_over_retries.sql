-- claim:    A request whose outcome is unknown is repeated under the Idempotency-Key that it first had.
-- flow:     any
-- class:    idempotency
-- severity: critical
-- step:     7
-- leads_to: acts
-- cause:    The key is made anew for each attempt instead of once for each thing to be done.
-- remedy:   Store the key with the task before the first attempt, and send that key with every attempt.
WITH attempts AS (
    SELECT call_id, system, operation, subject, intent, order_ref, at_ns, idempotency_key, call_before,
           lag((outcome = 'unknown' OR coalesce(status >= 500, false))
               AND NOT coalesce(replayed AND status >= 500, false)) OVER turns                AS repeats,
           -- a key that answers with its old failure can never do better: only another one can
           lag(idempotency_key) OVER turns                                                    AS key_before
    FROM   troubled_calls
    WINDOW turns AS (PARTITION BY intent ORDER BY turn)
)
SELECT concat_ws(' ', system, operation, subject)                                         AS subject,
       bool_and(idempotency_key IS NOT DISTINCT FROM key_before)                          AS holds,
       coalesce(string_agg(format('repeated under {} after {}', coalesce(idempotency_key, 'no key'), key_before), ', ' ORDER BY at_ns)
                  FILTER (WHERE idempotency_key IS DISTINCT FROM key_before),
                format('{} repeats under one key', count(*)))                             AS finding,
       flatten(list([call_before, call_id] ORDER BY at_ns))                               AS evidence,
       any_value(order_ref)                                                               AS order_ref,
       arg_min(call_id, at_ns) FILTER (WHERE idempotency_key IS DISTINCT FROM key_before) AS guilty
FROM   attempts
WHERE  repeats AND key_before IS NOT NULL
GROUP  BY intent, system, operation, subject
