-- claim:    What a webhook that never came would have told is found by reconciliation and done all the same.
-- flow:     any
-- class:    consistency
-- severity: critical
-- step:     8
-- leads_to: omissions
-- cause:    Everything hangs on webhooks: nobody polls for what never came.
-- remedy:   Poll every system for what has changed since the last look, and work it off as if its event had come.
WITH consequences (topic, flow, consequence, by_ref) AS (
    VALUES ('order.placed', 'order-to-erp', 'sales_order_received', false), ('order.placed', 'order-to-ship', 'sales_order_received', false),
           ('order.allocated', 'order-to-ship', 'fulfilment_requested', false), ('sales_order.posted', 'order-to-ship', 'fulfilment_requested', false),
           ('shipment.confirmed', 'order-to-ship', 'invoice_received', true), ('return.received', 'return-to-refund', 'credit_memo_received', true),
           ('cancellation.requested', 'cancel', 'cancellation_%', true)
), missed AS ( -- sent, and no attempt ever came through
    SELECT effect_id, any_value(topic) AS topic, any_value(order_ref) AS order_ref, list(delivery_id ORDER BY at_ns, delivery_id) AS delivery_ids
    FROM   deliveries
    WHERE  forgery IS NULL AND effect_id IS NOT NULL AND topic IN (SELECT topic FROM consequences)
      AND  effect_id IN (SELECT effect_id FROM deliveries WHERE error IN ('dropped', 'unsubscribed'))
    GROUP  BY effect_id HAVING NOT bool_or(acknowledged)
), due AS (
    SELECT DISTINCT m.effect_id, m.topic, m.order_ref, m.delivery_ids, c.consequence, CASE WHEN c.by_ref THEN e.ref END AS ref
    FROM   missed AS m
    JOIN   consequences AS c ON c.topic = m.topic
    SEMI   JOIN judged_flows AS f ON f.flow = c.flow
    JOIN   effects AS e ON e.effect_id = m.effect_id
    WHERE  NOT (m.topic IN ('shipment.confirmed', 'return.received') AND coalesce(len(e.lines), 0) = 0)
      AND (c.consequence <> 'fulfilment_requested' -- which needs both, and an order that nobody has cancelled meanwhile
           OR m.order_ref IN (SELECT order_ref FROM effects WHERE kind IN ('order_allocated', 'sales_order_posted', 'oms_order_cancelled', 'sales_order_cancelled')
                              GROUP BY order_ref HAVING count(DISTINCT kind) = 2 AND bool_and(kind IN ('order_allocated', 'sales_order_posted'))))
), done AS (
    SELECT DISTINCT CASE WHEN kind LIKE 'cancellation_%' THEN 'cancellation_%' ELSE kind END AS kind, order_ref,
           CASE WHEN kind NOT IN ('sales_order_received', 'fulfilment_requested') THEN ref END AS ref
    FROM   effects
    WHERE  kind IN ('sales_order_received', 'fulfilment_requested', 'invoice_received', 'credit_memo_received', 'cancellation_accepted', 'cancellation_declined', 'cancellation_closed')
      AND  order_ref IN (SELECT order_ref FROM due)
)
SELECT d.effect_id                                                                        AS subject,
       due(n.kind IS NOT NULL OR coalesce(o.cancelled OR o.parked, false), coalesce(o.owed, false)) AS holds,
       format('{} about {} was never delivered: {}', d.topic, d.order_ref,
              CASE WHEN n.kind IS NOT NULL THEN 'found and done' ELSE 'it was not found by polling' END) AS finding,
       list_concat([d.effect_id], d.delivery_ids)                                         AS evidence,
       d.order_ref,
       NULL                                                                               AS guilty
FROM   due AS d
LEFT   JOIN done AS n ON n.kind = d.consequence AND n.order_ref = d.order_ref AND n.ref IS NOT DISTINCT FROM d.ref
LEFT   JOIN accepted_orders AS o ON o.order_ref = d.order_ref
