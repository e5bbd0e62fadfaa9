-- claim:    A request whose outcome is unknown is repeated or looked up.
-- flow:     any
-- class:    retry
-- severity: critical
-- step:     3
-- leads_to: omissions
-- cause:    A reply that broke off or never came is taken for success or for failure, whichever the code falls into.
-- remedy:   After a lost, cut-off or 5xx reply repeat the request under the same Idempotency-Key, or look up whether it was done.
-- An event of that system about the order, acknowledged afterwards, tells as much as a look. Nothing is asked of an order that is
-- cancelled or parked.
WITH unclear AS (
    SELECT system, operation, order_ref, path, max(replied_ns) AS replied_ns, arg_max(call_id, replied_ns) AS call_id,
           arg_max(coalesce(status::VARCHAR, 'no whole reply'), replied_ns) AS answer, list(call_id ORDER BY at_ns, call_id) AS call_ids
    FROM   sut_calls WHERE changes AND outcome = 'unknown' AND order_ref IS NOT NULL
    GROUP  BY system, operation, order_ref, path
), looked AS ( -- the next call about the order there, whatever it was
    SELECT u.call_id, min(c.at_ns) AS at_ns
    FROM   unclear AS u JOIN sut_calls AS c ON c.system = u.system AND c.order_ref = u.order_ref
                                           AND (c.at_ns >= u.replied_ns OR (c.at_ns > u.replied_ns - 1000000 AND c.call_id > u.call_id))
    GROUP  BY u.call_id
), told AS (
    SELECT DISTINCT u.call_id
    FROM   unclear AS u JOIN deliveries AS d ON d.system = u.system AND d.order_ref = u.order_ref AND d.acknowledged AND d.at_ns >= u.replied_ns - 1000000000
)
SELECT concat_ws(' ', u.system, u.operation, u.order_ref)                                 AS subject,
       due(l.call_id IS NOT NULL OR t.call_id IS NOT NULL OR coalesce(o.cancelled OR o.parked, false), coalesce(o.owed, false)) AS holds,
       CASE WHEN l.call_id IS NOT NULL THEN 'repeated or looked up' WHEN t.call_id IS NOT NULL THEN 'an event told of it'
            WHEN o.cancelled THEN 'order cancelled' WHEN o.parked THEN 'parked'
            ELSE format('{} ended with {}, and was neither repeated nor looked up', u.operation, u.answer) END AS finding,
       u.call_ids                                                                         AS evidence,
       u.order_ref,
       u.call_id                                                                          AS guilty
FROM   unclear AS u
LEFT   JOIN looked AS l ON l.call_id = u.call_id
LEFT   JOIN told AS t ON t.call_id = u.call_id
LEFT   JOIN accepted_orders AS o ON o.order_ref = u.order_ref
