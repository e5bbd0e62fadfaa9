-- claim:    Every order in OMS, ERP and WMS is one that a channel accepted.
-- flow:     order-to-erp, order-to-ship
-- class:    consistency
-- severity: critical
-- step:     10
-- cause:    An event of another tenant, a forged webhook, or a reference that was cut or rewritten on its way is taken for an order.
-- remedy:   Carry the channel's order reference through every system unchanged, and create nothing without it.
SELECT coalesce(e.order_ref, e.document_id, e.effect_id)                                  AS subject,
       o.order_ref IS NOT NULL                                                            AS holds,
       format('{} in {}, accepted by {}', string_agg(DISTINCT coalesce(e.document_id, 'a document'), ', '),
              string_agg(DISTINCT e.system, ', '), coalesce(o.channel, 'no channel'))     AS finding,
       list_concat(list(e.effect_id ORDER BY e.at_ns, e.effect_id), [o.effect_id])        AS evidence,
       arg_min(e.effect_id, e.at_ns)                                                      AS guilty
FROM   effects AS e
LEFT   JOIN accepted_orders AS o ON o.order_ref = e.order_ref
WHERE  e.kind IN ('oms_order_created', 'sales_order_received', 'fulfilment_requested')
GROUP  BY 1, o.order_ref, o.channel, o.effect_id
