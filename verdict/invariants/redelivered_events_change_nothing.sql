-- claim:    An event that comes again, under its own id, a new one or a second subscription, changes nothing more.
-- flow:     any
-- class:    idempotency
-- severity: critical
-- step:     59
-- cause:    Events are told apart by their id alone, or the id is stored only after the work is done.
-- remedy:   Keep the ids of events in durable storage, and make each step's key and look-up from the order, shipment or return, for an event may also come under a new id.
WITH consequences (topic, consequence) AS ( -- what may follow from an event once; all but the first two carry its own reference
    VALUES ('order.placed', 'oms_order_created'), ('order.placed', 'sales_order_received'),
           ('shipment.confirmed', 'payment_captured'), ('shipment.confirmed', 'invoice_received'),
           ('shipment.confirmed', 'oms_order_shipped'), ('shipment.confirmed', 'shipment_recorded'),
           ('return.requested', 'return_authorised'), ('return.requested', 'return_expected'),
           ('return.received', 'credit_memo_received'), ('credit_memo.posted', 'payment_refunded'),
           ('credit_memo.posted', 'refund_confirmed'), ('stock.changed', 'stock_adjusted')
), again AS ( -- told more than once
    SELECT effect_id, any_value(topic) AS topic, count(*) AS times, list(delivery_id ORDER BY at_ns, delivery_id) AS delivery_ids
    FROM   deliveries
    WHERE  acknowledged AND forgery IS NULL AND effect_id IS NOT NULL AND topic IN (SELECT topic FROM consequences)
    GROUP  BY effect_id HAVING count(*) > 1
), rejected AS (
    SELECT DISTINCT document_id FROM effects WHERE kind = 'sales_order_rejected'
), repeated AS ( -- few; what a system rejected may be asked again
    SELECT kind, order_ref, ref, count(*) AS times, list(effect_id ORDER BY at_ns, effect_id) AS effect_ids
    FROM  (SELECT kind, order_ref, CASE WHEN kind NOT IN ('oms_order_created', 'sales_order_received') THEN ref END AS ref, effect_id, at_ns
           FROM   effects
           WHERE  kind IN (SELECT consequence FROM consequences) AND actor IS NULL
             AND  NOT (kind = 'sales_order_received' AND document_id IN (SELECT document_id FROM rejected)))
    GROUP  BY kind, order_ref, ref HAVING count(*) > 1
), broken AS (
    SELECT a.effect_id, string_agg(format('{} {} times', r.kind, r.times), ', ' ORDER BY r.kind) AS words, flatten(list(r.effect_ids)) AS effect_ids
    FROM   repeated AS r
    JOIN   consequences AS c ON c.consequence = r.kind
    JOIN   effects AS e ON e.order_ref IS NOT DISTINCT FROM r.order_ref AND (r.ref IS NULL OR e.ref = r.ref)
    JOIN   again AS a ON a.effect_id = e.effect_id AND a.topic = c.topic
    GROUP  BY a.effect_id
)
SELECT a.effect_id                                                                        AS subject,
       b.effect_id IS NULL                                                                AS holds,
       format('{} about {} was told {} times: {}', a.topic, coalesce(e.order_ref, e.sku, '–'), a.times, coalesce(b.words, 'done once')) AS finding,
       list_concat(a.delivery_ids, b.effect_ids)                                          AS evidence,
       e.order_ref
FROM   again AS a
JOIN   effects AS e ON e.effect_id = a.effect_id
LEFT   JOIN broken AS b ON b.effect_id = a.effect_id
