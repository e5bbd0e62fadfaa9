-- claim:    Every shipment is invoiced, told to the OMS and told to its channel exactly once, line by line.
-- flow:     order-to-ship
-- class:    idempotency
-- severity: critical
-- step:     52
-- remedy:   Give each of the three its own durable task per shipment with its own Idempotency-Key, and retry each until it is done.
WITH shipments AS (
    SELECT order_ref, ref AS shipment_id, effect_id, units_by_line(lines) AS lines
    FROM   effects WHERE kind = 'shipment_confirmed' AND ref IS NOT NULL AND len(lines) > 0
), told AS (
    SELECT order_ref, ref AS shipment_id,
           count(*) FILTER (WHERE kind = 'invoice_received')    AS invoiced,
           count(*) FILTER (WHERE kind = 'oms_order_shipped')   AS in_oms,
           count(*) FILTER (WHERE kind = 'shipment_recorded')   AS on_channel,
           list(units_by_line(lines)) AS lines,
           list(effect_id ORDER BY at_ns, effect_id)            AS effect_ids
    FROM   effects WHERE kind IN ('invoice_received', 'oms_order_shipped', 'shipment_recorded')
    GROUP  BY order_ref, ref
)
SELECT s.shipment_id                                                                            AS subject,
       CASE WHEN greatest(t.invoiced, t.in_oms, t.on_channel) > 1
              OR len([x FOR x IN t.lines IF x <> s.lines]) > 0 THEN false
            ELSE eventually((t.invoiced = 1 AND t.in_oms = 1 AND t.on_channel = 1) OR coalesce(o.parked, false)) END AS holds,
       concat_ws('; ', format('order {}: {} invoices, told the OMS {} times and the channel {} times', s.order_ref,
                              coalesce(t.invoiced, 0), coalesce(t.in_oms, 0), coalesce(t.on_channel, 0)),
                 CASE WHEN len([x FOR x IN t.lines IF x <> s.lines]) > 0 THEN 'with other lines than were shipped' END) AS finding,
       list_concat([s.effect_id], t.effect_ids)                                                 AS evidence,
       s.order_ref
FROM   shipments AS s
LEFT   JOIN told AS t ON t.order_ref = s.order_ref AND t.shipment_id = s.shipment_id
LEFT   JOIN accepted_orders AS o ON o.order_ref = s.order_ref
