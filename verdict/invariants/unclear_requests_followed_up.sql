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
    SELECT system, operation, order_ref, path, max(at_ns) AS at_ns, arg_max(call_id, at_ns) AS call_id,
           arg_max(coalesce(status::VARCHAR, 'no whole reply'), at_ns) AS answer, list(call_id ORDER BY at_ns, call_id) AS call_ids
    FROM   sut_calls WHERE changes AND outcome = 'unknown' AND order_ref IS NOT NULL
    GROUP  BY system, operation, order_ref, path
), looked AS ( -- a later call about the order there, whatever it was; a caller that gave up waiting may come before the reply was due
    SELECT DISTINCT u.call_id
    FROM   unclear AS u JOIN sut_calls AS c ON c.system = u.system AND c.order_ref = u.order_ref AND c.at_ns > u.at_ns
), told AS (
    SELECT DISTINCT u.call_id
    FROM   unclear AS u JOIN deliveries AS d ON d.system = u.system AND d.order_ref = u.order_ref AND d.acknowledged AND d.at_ns >= u.at_ns
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
