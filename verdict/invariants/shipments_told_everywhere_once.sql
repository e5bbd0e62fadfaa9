-- claim:    Every shipment is invoiced, told to the OMS and told to its channel exactly once, line by line.
-- flow:     order-to-ship
-- class:    idempotency
-- severity: critical
-- step:     52
-- cause:    One of several followers of a shipment fails, and it is left out or all of them are told again.
-- remedy:   Give each of the three its own durable task per shipment with its own Idempotency-Key, and retry each until it is done.
WITH shipments AS (
    SELECT row_number() OVER () AS shipment, order_ref, ref AS shipment_id, effect_id, lines,
           [(x.line_id, x.quantity) FOR x IN lines] AS units
    FROM   effects WHERE kind = 'shipment_confirmed' AND ref IS NOT NULL AND len(lines) > 0
), told AS (
    SELECT order_ref, ref AS shipment_id, kind, effect_id, at_ns, lines, [(x.line_id, x.quantity) FOR x IN lines] AS units
    FROM   effects WHERE kind IN ('invoice_received', 'oms_order_shipped', 'shipment_recorded')
), compared AS ( -- what is the same to the letter need not be added up by line
    SELECT any_value(s.order_ref) AS order_ref, any_value(s.shipment_id) AS shipment_id, any_value(s.effect_id) AS effect_id,
           count(*) FILTER (WHERE t.kind = 'invoice_received')    AS invoiced,
           count(*) FILTER (WHERE t.kind = 'oms_order_shipped')   AS in_oms,
           count(*) FILTER (WHERE t.kind = 'shipment_recorded')   AS on_channel,
           bool_or(CASE WHEN t.units = s.units THEN false
                        ELSE units_by_line(t.lines) <> units_by_line(s.lines) END) AS other_lines,
           list(t.effect_id ORDER BY t.at_ns, t.effect_id) FILTER (WHERE t.effect_id IS NOT NULL) AS effect_ids
    FROM   shipments AS s
    LEFT   JOIN told AS t ON t.order_ref = s.order_ref AND t.shipment_id = s.shipment_id
    GROUP  BY s.shipment
)
SELECT s.shipment_id                                                                            AS subject,
       CASE WHEN greatest(s.invoiced, s.in_oms, s.on_channel) > 1 OR s.other_lines THEN false
            ELSE eventually((s.invoiced = 1 AND s.in_oms = 1 AND s.on_channel = 1) OR coalesce(o.parked, false)) END AS holds,
       concat_ws('; ', format('order {}: {} invoices, told the OMS {} times and the channel {} times', s.order_ref,
                              s.invoiced, s.in_oms, s.on_channel),
                 CASE WHEN s.other_lines THEN 'with other lines than were shipped' END) AS finding,
       list_concat([s.effect_id], s.effect_ids)                                                 AS evidence,
       s.order_ref
FROM   compared AS s
LEFT   JOIN accepted_orders AS o ON o.order_ref = s.order_ref
