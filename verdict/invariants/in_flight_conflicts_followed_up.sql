-- claim:    A request that is told "in flight" is asked about again until its outcome is known.
-- flow:     any
-- class:    retry
-- severity: critical
-- step:     5
-- leads_to: omissions
-- cause:    A 409 for a key in use is taken for success, although the first request with it may yet fail.
-- remedy:   Treat idempotency_key_in_use as not known yet: wait, and repeat the request under the same key until it answers.
WITH attempts AS (
    SELECT c.system, c.client, c.operation, c.subject, c.path, c.request_body, c.order_ref, c.call_id, c.at_ns, c.outcome, c.committed,
           c.error = 'idempotency_key_in_use' AS in_use
    FROM   sut_calls AS c
    SEMI   JOIN (SELECT * FROM sut_calls WHERE error = 'idempotency_key_in_use') AS u
           ON u.system = c.system AND u.operation = c.operation AND u.subject = c.subject AND u.path = c.path
          AND u.request_body IS NOT DISTINCT FROM c.request_body
    WHERE  c.changes
), requests AS (
    SELECT system, operation, subject, path, request_body, any_value(order_ref) AS order_ref,
           bool_or(outcome = 'ok' OR coalesce(committed, false)) AS done, max(at_ns) AS last_ns,
           max(at_ns) FILTER (WHERE in_use) AS in_use_ns, arg_max(call_id, at_ns) FILTER (WHERE in_use) AS in_use_id,
           list(call_id ORDER BY at_ns, call_id) AS call_ids
    FROM   attempts GROUP BY system, operation, subject, path, request_body
), looked_up AS (
    SELECT DISTINCT r.in_use_id
    FROM   requests AS r
    JOIN   sut_calls AS c ON c.system = r.system AND c.order_ref = r.order_ref AND NOT c.changes AND c.at_ns > r.in_use_ns
)
SELECT concat_ws(' ', r.system, r.operation, r.subject)                                   AS subject,
       due(r.done OR r.last_ns > r.in_use_ns OR l.in_use_id IS NOT NULL OR coalesce(o.parked OR o.cancelled, false), coalesce(o.owed, false)) AS holds,
       CASE WHEN r.done THEN 'in flight, and done in the end'
            WHEN r.last_ns > r.in_use_ns OR l.in_use_id IS NOT NULL THEN 'in flight, and asked about again'
            ELSE 'was told that the first request is in flight; that one failed, and it was never repeated' END AS finding,
       r.call_ids                                                                         AS evidence,
       r.order_ref,
       r.in_use_id                                                                        AS guilty
FROM   requests AS r
LEFT   JOIN looked_up AS l ON l.in_use_id = r.in_use_id
LEFT   JOIN accepted_orders AS o ON o.order_ref = r.order_ref
