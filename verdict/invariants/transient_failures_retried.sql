-- claim:    A request that failed transiently is retried until it succeeds, or the order is parked.
-- flow:     any
-- class:    retry
-- severity: critical
-- step:     4
-- leads_to: omissions
-- cause:    A timeout or a 5xx is logged and left, or only some calls go through the client that retries.
-- remedy:   Store each step before its first attempt and try it again after lost replies, 5xx, 408, 425 and 429 until it succeeds; park what you give up on.
-- A step that the system did carry out although its reply was lost needs no second attempt, and asking whether an order can still
-- be stopped needs none once it has left.
WITH asked AS (
    SELECT system, operation, path, order_ref, count(*) AS calls, bool_or(outcome = 'ok' OR committed) AS done,
           arg_max(passing, turn) AS failed, arg_max(coalesce(status::VARCHAR, 'no reply'), at_ns) AS answer, max(at_ns) AS last_ns,
           list(call_id ORDER BY at_ns, call_id) AS call_ids
    FROM   troubled_calls WHERE order_ref IS NOT NULL
    GROUP  BY system, operation, path, order_ref HAVING bool_or(passing)
), later AS ( -- asked again in other words
    SELECT DISTINCT system, operation, path, order_ref
    FROM   sut_calls SEMI JOIN (SELECT * FROM asked WHERE NOT done) USING (system, operation, path, order_ref)
    WHERE  changes AND outcome = 'ok'
), left_house AS (
    SELECT DISTINCT order_ref FROM effects WHERE kind = 'shipment_confirmed'
)
SELECT concat_ws(' ', a.system, a.operation, a.order_ref)                                 AS subject,
       due(a.done OR NOT a.failed OR l.path IS NOT NULL OR coalesce(o.cancelled OR o.parked, false)
           OR (a.operation LIKE 'cancel%' AND s.order_ref IS NOT NULL), coalesce(o.owed, false)) AS holds,
       CASE WHEN a.done THEN format('done after {} calls', a.calls)
            ELSE format('{} failed ({}) and was not retried', a.operation, a.answer) END  AS finding,
       a.call_ids                                                                         AS evidence,
       a.order_ref,
       a.call_ids[-1]                                                                     AS guilty
FROM   asked AS a
LEFT   JOIN later AS l ON l.system = a.system AND l.operation = a.operation AND l.path = a.path AND l.order_ref = a.order_ref
LEFT   JOIN accepted_orders AS o ON o.order_ref = a.order_ref
LEFT   JOIN left_house AS s ON s.order_ref = a.order_ref
