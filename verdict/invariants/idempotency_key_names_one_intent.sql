-- claim:    An Idempotency-Key stands for one intent: it never comes again with another request.
-- flow:     any
-- class:    idempotency
-- severity: critical
-- step:     6
-- leads_to: acts, omissions
-- cause:    The key is made of too little, e.g. of the order alone, so that its second shipment gets the first one's answer.
-- remedy:   Make the key of what the intent is (order, step, and the shipment or return), not of the order alone; keep it over retries of that request only.
WITH keys AS (
    SELECT system, client, idempotency_key, min(hash(path, request_body)) = max(hash(path, request_body)) AS same
    FROM   sut_calls WHERE changes AND idempotency_key IS NOT NULL GROUP BY system, client, idempotency_key
), reused AS ( -- few; words are made of these alone
    SELECT c.system, c.client, c.idempotency_key, any_value(c.order_ref) AS order_ref, list(c.call_id ORDER BY c.at_ns, c.call_id) AS call_ids,
           string_agg(DISTINCT c.operation || ' ' || c.path, ', ') AS requests, count(DISTINCT c.path || coalesce(c.request_body, '')) AS times,
           arg_min(c.call_id, c.at_ns) FILTER (WHERE c.is_other) AS guilty
    FROM  (SELECT c.*, hash(c.path, c.request_body) <> first_value(hash(c.path, c.request_body)) OVER (
                           PARTITION BY c.system, c.client, c.idempotency_key ORDER BY c.at_ns, c.call_id) AS is_other
           FROM   sut_calls AS c
           SEMI   JOIN (SELECT * FROM keys WHERE NOT same) AS k
                  ON k.system = c.system AND k.idempotency_key = c.idempotency_key AND k.client IS NOT DISTINCT FROM c.client
           WHERE  c.changes) AS c
    GROUP  BY c.system, c.client, c.idempotency_key
)
SELECT concat_ws(' ', k.system, k.idempotency_key)                                        AS subject,
       k.same                                                                             AS holds,
       format('key {} came with {} different requests: {}', k.idempotency_key, coalesce(r.times, 1), coalesce(r.requests, 'one')) AS finding,
       coalesce(r.call_ids, ['key ' || k.idempotency_key])                                AS evidence,
       r.order_ref,
       r.guilty
FROM   keys AS k
LEFT   JOIN reused AS r ON r.system = k.system AND r.idempotency_key = k.idempotency_key AND r.client IS NOT DISTINCT FROM k.client
