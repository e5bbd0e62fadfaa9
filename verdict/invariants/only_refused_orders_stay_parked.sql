-- claim:    Only orders that a system refused for good, for a reason in the order itself, stay parked once everything is healed.
-- flow:     order-to-erp, order-to-ship, cancel, return-to-refund
-- class:    retry
-- severity: critical
-- step:     62
-- cause:    A failure that passes (an outage, a throttle, a lock) is taken for a refusal for good.
-- remedy:   Park only what a system refuses for good although it was asked faithfully; put a wrong request right, retry everything else until it succeeds, and replay what an outage had parked.
-- A refusal of a request that was itself wrong, or that came too late or twice, says nothing about the order: a middleware that
-- sends it has parked its own mistake. So has one that asks with another currency, total, line or article than the channel accepted.
WITH parked_orders AS (
    SELECT p.order_ref, any_value(p.reason) AS reason, any_value(o.effect_id) AS effect_id, any_value(o.currency) AS currency,
           any_value(o.total) AS total, any_value(o.lines) AS lines
    FROM   parked AS p LEFT JOIN accepted_orders AS o ON o.order_ref = p.order_ref
    WHERE  p.order_ref IS NOT NULL GROUP BY p.order_ref
), refused_calls AS MATERIALIZED (
    SELECT call_id, refused_by, error, request_body, unnest(coalesce(subjects, [coalesce(order_ref, subject)])) AS order_ref
    FROM   sut_calls WHERE permanent AND outcome = 'refused'
), named AS MATERIALIZED (
    SELECT DISTINCT request_body FROM sut_calls JOIN parked USING (order_ref) WHERE permanent AND outcome = 'refused'
), requests AS MATERIALIZED ( -- few of many bodies, and none of them is read where nothing is parked
    SELECT hash, TRY_CAST(text AS JSON) AS doc, from_json(doc -> '$.lines', '["JSON"]') AS lines
    FROM   bodies SEMI JOIN named ON named.request_body = bodies.hash
), refusals AS (
    SELECT p.order_ref, c.call_id AS evidence_id, format('{} by {}', coalesce(c.error, 'refused'), coalesce(c.refused_by, 'it')) AS words,
           coalesce(c.refused_by NOT IN ('auth', 'validation', 'throttle'), true)
             AND (coalesce(c.error NOT IN (SELECT error FROM refusal_codes), true)
                  -- amounts that are the order's own, line by line, and do not add up for a system that rounds another way
                  OR (c.error = 'amount_mismatch' AND coalesce(TRY_CAST(b.doc ->> '$.total' AS DECIMAL(18, 4)) = p.total, false)
                      AND coalesce(list_sort([(x ->> '$.line_id') || ' ' || (x ->> '$.quantity') || ' ' || TRY_CAST(x ->> '$.unit_price' AS DECIMAL(18, 4)) FOR x IN b.lines])
                                 = list_sort([y.line_id || ' ' || y.quantity || ' ' || TRY_CAST(y.unit_price AS DECIMAL(18, 4)) FOR y IN p.lines]), false)))
             AND coalesce(b.doc ->> '$.currency' = p.currency, true)
             AND coalesce(len([x FOR x IN b.lines IF len([y FOR y IN p.lines IF y.line_id = (x ->> '$.line_id')
                                                                              AND y.sku = coalesce(x ->> '$.sku', y.sku)]) = 0]) = 0, true)
             AND coalesce(TRY_CAST(b.doc ->> '$.total' AS DECIMAL(18, 4)) = p.total OR b.lines[1] ->> '$.unit_price' IS NULL, true) AS excuses
    FROM   parked_orders AS p
    JOIN   refused_calls AS c ON c.order_ref = p.order_ref
    LEFT   JOIN requests AS b ON b.hash = c.request_body
    UNION  ALL -- of what the ERP took and rejected later: the booking must have been as ordered
    SELECT p.order_ref, r.effect_id, coalesce(r.cause, 'rejected'),
           coalesce(b.currency = p.currency AND b.amount = p.total AND units_by_line(b.lines) = units_by_line(p.lines)
                    AND list_sort([x.sku FOR x IN b.lines]) = list_sort([x.sku FOR x IN p.lines]), true)
    FROM   parked_orders AS p
    JOIN   effects AS r ON r.order_ref = p.order_ref AND r.kind = 'sales_order_rejected' AND r.permanent
    LEFT   JOIN effects AS b ON b.kind = 'sales_order_received' AND b.document_id = r.document_id
)
SELECT p.order_ref                                                                        AS subject,
       coalesce(bool_or(r.excuses), false)                                                AS holds,
       format('parked ({}), {}', coalesce(any_value(p.reason), 'no reason given'),
              CASE WHEN bool_or(r.excuses) THEN 'refused for good'
                   WHEN count(r.evidence_id) > 0
                   THEN format('though it was refused only for what was asked or when: {}', string_agg(DISTINCT r.words, ', '))
                   ELSE 'though no system ever refused it for good' END)                  AS finding,
       list_concat([coalesce(any_value(p.effect_id), 'state/sut.jsonl: exception ' || p.order_ref)],
                   list(r.evidence_id) FILTER (WHERE r.evidence_id IS NOT NULL))          AS evidence,
       min(r.evidence_id) FILTER (WHERE NOT r.excuses)                                    AS guilty
FROM   parked_orders AS p
LEFT   JOIN refusals AS r ON r.order_ref = p.order_ref
GROUP  BY p.order_ref
