-- claim:    Every webhook that was acknowledged has taken effect.
-- flow:     any
-- class:    consistency
-- severity: critical
-- step:     96
-- general:  yes
-- cause:    The handler answers 2xx before it has stored the event, and then crashes, is restarted or drops it from a queue in memory.
-- remedy:   Find the step that is missing in the story of the order; retry it until it is done, or park the order.
WITH told AS ( -- events that nothing follows from are left out, and nothing has to follow from a forgery
    SELECT event_id, effect_id, topic, order_ref, sku, version, arg_min(delivery_id, at_ns) AS delivery_id
    FROM   deliveries
    WHERE  acknowledged AND forgery IS NULL
      AND  topic IN ('order.placed', 'order.unfillable', 'shipment.confirmed', 'return.requested', 'return.received',
                     'credit_memo.posted', 'cancellation.requested', 'stock.changed', 'availability.changed', 'price.changed')
    GROUP  BY event_id, effect_id, topic, order_ref, sku, version
), by_order AS ( -- consequences that carry the order reference
    SELECT order_ref,
           bool_or(kind = 'sales_order_received')                                         AS booked,
           bool_or(kind = 'oms_order_created')                                            AS in_oms,
           bool_or(kind = 'order_cancelled')                                              AS cancelled,
           bool_or(kind IN ('lines_cancelled', 'order_cancelled'))                        AS short_cancelled
    FROM   effects
    WHERE  kind IN ('sales_order_received', 'oms_order_created', 'order_cancelled', 'lines_cancelled')
    GROUP  BY order_ref
), by_ref AS ( -- consequences that carry the shipment, request, return or movement
    SELECT ref,
           bool_or(kind = 'payment_captured')                                             AS captured,
           bool_or(kind = 'invoice_received')                                             AS invoiced,
           bool_or(kind = 'oms_order_shipped')                                            AS oms_told,
           bool_or(kind = 'shipment_recorded')                                            AS channel_told,
           bool_or(kind = 'return_expected')                                              AS expected,
           bool_or(kind = 'credit_memo_received')                                         AS credited,
           bool_or(kind = 'payment_refunded')                                             AS refunded,
           bool_or(kind = 'stock_adjusted')                                               AS adjusted,
           bool_or(kind IN ('cancellation_accepted', 'cancellation_declined', 'cancellation_closed')) AS decided
    FROM   effects
    WHERE  ref IS NOT NULL
      AND  kind IN ('payment_captured', 'invoice_received', 'oms_order_shipped', 'shipment_recorded', 'return_expected',
                    'credit_memo_received', 'payment_refunded', 'stock_adjusted',
                    'cancellation_accepted', 'cancellation_declined', 'cancellation_closed')
    GROUP  BY ref
), free_shipments AS ( -- goods that cost nothing: there is nothing to capture
    SELECT effect_id FROM shipped_lines GROUP BY effect_id HAVING sum(quantity * unit_price) = 0
), stock_told AS (
    SELECT sku, location, max(version) AS version FROM effects WHERE kind = 'stock_set' GROUP BY sku, location
), listed AS ( -- of each article the version that the last of the channels has
    SELECT sku, min(version) AS version, count(*) AS channels, map_from_entries(list((system, version))) AS by_channel
    FROM  (SELECT system, sku, max(version) AS version FROM effects WHERE kind = 'availability_listed' GROUP BY system, sku)
    GROUP  BY sku
), priced AS (
    SELECT sku, currency, min(version) AS version, count(*) AS channels, map_from_entries(list((system, version))) AS by_channel
    FROM  (SELECT system, sku, currency, max(version) AS version FROM effects WHERE kind = 'price_listed' GROUP BY ALL)
    GROUP  BY sku, currency
), prices_due AS ( -- a price whose day has not come by the end of the run is not due
    SELECT effect_id FROM effects
    WHERE  kind = 'price_set'
      AND  coalesce(epoch_ns((data ->> '$.valid_from')::TIMESTAMPTZ), at_ns) <= (SELECT max(at_ns) FROM effects)
), run_on AS (
    SELECT judged('order-to-erp') OR judged('order-to-ship') AS booking, judged('order-to-ship') AS shipping,
           judged('return-to-refund') AS returning, judged('cancel') AS cancelling, judged('stock-sync') AS stocking,
           judged('price-publish') AS pricing, (SELECT list(channel ORDER BY channel) FROM channels) AS channels
), events AS (
    SELECT t.*, e.ref, e.location, e.cause, e.currency, coalesce(e.amount, 1) AS amount, coalesce(len(e.lines), 0) > 0 AS has_lines
    FROM   told AS t
    LEFT   JOIN effects AS e ON e.effect_id = t.effect_id
), checks AS ( -- of each consequence whether it came; null where it does not follow from the event
    SELECT e.event_id, e.delivery_id, e.effect_id, e.topic, e.order_ref, e.sku, e.version, r.channels,
           l.by_channel AS listed_by_channel, p.by_channel AS priced_by_channel,
           CASE WHEN e.topic = 'order.placed' AND r.booking THEN coalesce(o.booked, false) END AS booked,
           CASE WHEN e.topic = 'order.placed' AND r.shipping THEN coalesce(o.in_oms, false) END AS in_oms,
           CASE WHEN e.topic = 'order.unfillable' AND r.shipping THEN coalesce(o.cancelled, false) END AS cancelled,
           CASE WHEN e.topic = 'shipment.confirmed' AND r.shipping AND e.has_lines AND f.effect_id IS NULL
                THEN coalesce(d.captured, false) END                                      AS captured,
           CASE WHEN e.topic = 'shipment.confirmed' AND r.shipping AND e.has_lines THEN coalesce(d.invoiced, false) END AS invoiced,
           CASE WHEN e.topic = 'shipment.confirmed' AND r.shipping AND e.has_lines THEN coalesce(d.oms_told, false) END AS oms_told,
           CASE WHEN e.topic = 'shipment.confirmed' AND r.shipping AND e.has_lines
                THEN coalesce(d.channel_told, false) END                                  AS channel_told,
           CASE WHEN e.topic = 'shipment.confirmed' AND r.shipping AND NOT e.has_lines
                THEN coalesce(o.short_cancelled, false) END                               AS short_cancelled,
           CASE WHEN e.topic = 'return.requested' AND r.returning THEN coalesce(d.expected, false) END AS expected,
           CASE WHEN e.topic = 'return.received' AND r.returning AND e.has_lines THEN coalesce(d.credited, false) END AS credited,
           CASE WHEN e.topic = 'credit_memo.posted' AND r.returning AND e.amount <> 0 THEN coalesce(d.refunded, false) END AS refunded,
           CASE WHEN e.topic = 'cancellation.requested' AND r.cancelling THEN coalesce(d.decided, false) END AS decided,
           CASE WHEN e.topic = 'stock.changed' AND r.stocking THEN coalesce(s.version >= e.version, false) END AS stocked,
           CASE WHEN e.topic = 'stock.changed' AND r.stocking AND e.cause IN ('receipt', 'count', 'damage') AND i.sku IS NOT NULL
                THEN coalesce(d.adjusted, false) END                                      AS adjusted,
           CASE WHEN e.topic = 'availability.changed' AND r.stocking AND len(r.channels) > 0
                THEN coalesce(l.channels = len(r.channels) AND l.version >= e.version, false) END AS listed,
           CASE WHEN e.topic = 'price.changed' AND r.pricing AND len(r.channels) > 0 AND u.effect_id IS NOT NULL
                THEN coalesce(p.channels = len(r.channels) AND p.version >= e.version, false) END AS priced
    FROM   events AS e
    CROSS  JOIN run_on AS r -- one row
    LEFT   JOIN by_order AS o ON o.order_ref = e.order_ref
    LEFT   JOIN by_ref AS d ON d.ref = e.ref
    LEFT   JOIN free_shipments AS f ON f.effect_id = e.effect_id
    LEFT   JOIN stock_told AS s ON s.sku = e.sku AND s.location = e.location
    LEFT   JOIN erp_items AS i ON i.sku = e.sku
    LEFT   JOIN listed AS l ON l.sku = e.sku
    LEFT   JOIN priced AS p ON p.sku = e.sku AND p.currency = e.currency
    LEFT   JOIN prices_due AS u ON u.effect_id = e.effect_id
), results AS (
    SELECT *,
           coalesce(booked, true) AND coalesce(in_oms, true) AND coalesce(cancelled, true) AND coalesce(captured, true)
           AND coalesce(invoiced, true) AND coalesce(oms_told, true) AND coalesce(channel_told, true)
           AND coalesce(short_cancelled, true) AND coalesce(expected, true) AND coalesce(credited, true)
           AND coalesce(refunded, true) AND coalesce(decided, true) AND coalesce(stocked, true) AND coalesce(adjusted, true)
           AND coalesce(listed, true) AND coalesce(priced, true)                           AS done
    FROM   checks
    WHERE  coalesce(booked, in_oms, cancelled, captured, invoiced, oms_told, channel_told, short_cancelled, expected, credited,
                    refunded, decided, stocked, adjusted, listed, priced) IS NOT NULL
), undone AS ( -- few
    SELECT e.event_id, e.order_ref, d.replied_ns FROM results AS e JOIN deliveries AS d ON d.delivery_id = e.delivery_id
    WHERE  NOT e.done
), worked_on AS ( -- those about which something was asked for after the acknowledgement
    SELECT DISTINCT u.event_id FROM undone AS u JOIN sut_calls AS c ON c.order_ref = u.order_ref AND c.at_ns >= u.replied_ns AND c.changes
)
SELECT e.event_id                                                                         AS subject,
       eventually(e.done OR coalesce(o.parked OR o.cancelled, false))                     AS holds,
       format('{} about {} was acknowledged: {}', e.topic, coalesce(e.order_ref, e.sku, '–'),
              CASE WHEN e.done THEN 'done' WHEN o.parked THEN 'parked' WHEN o.cancelled THEN 'order cancelled'
                   ELSE concat_ws(', ',
                        CASE WHEN NOT e.booked THEN 'no sales order' END,
                        CASE WHEN NOT e.in_oms THEN 'no OMS order' END,
                        CASE WHEN NOT e.cancelled THEN 'not cancelled at its channel' END,
                        CASE WHEN NOT e.captured THEN 'nothing captured' END,
                        CASE WHEN NOT e.invoiced THEN 'no invoice' END,
                        CASE WHEN NOT e.oms_told OR NOT e.stocked THEN 'OMS not told' END,
                        CASE WHEN NOT e.channel_told THEN 'channel not told' END,
                        CASE WHEN NOT e.short_cancelled THEN 'short lines not cancelled at the channel' END,
                        CASE WHEN NOT e.expected THEN 'warehouse not told' END,
                        CASE WHEN NOT e.credited THEN 'no credit memo' END,
                        CASE WHEN NOT e.refunded THEN 'no refund' END,
                        CASE WHEN NOT e.decided THEN 'neither accepted nor declined' END,
                        CASE WHEN NOT e.adjusted THEN 'no stock adjustment in the ERP' END,
                        CASE WHEN NOT e.listed THEN 'not listed on ' || array_to_string(
                             [c FOR c IN e.channels IF coalesce(e.listed_by_channel[c] < e.version, true)], ' and ') END,
                        CASE WHEN NOT e.priced THEN 'price not listed on ' || array_to_string(
                             [c FOR c IN e.channels IF coalesce(e.priced_by_channel[c] < e.version, true)], ' and ') END)
                   END)                                                                   AS finding,
       [e.delivery_id, e.effect_id]                                                       AS evidence,
       e.order_ref,
       NULL                                                                               AS guilty,
       [x FOR x IN [e.sku, f.ref, e.sku || ' ' || f.currency] IF x IS NOT NULL]           AS explains,
       CASE WHEN e.order_ref IS NOT NULL AND w.event_id IS NULL
            THEN 'Write the event to durable storage before answering 2xx, and work it off from there until it is done.' END AS remedy
FROM   results AS e
LEFT   JOIN worked_on AS w ON w.event_id = e.event_id
LEFT   JOIN effects AS f ON f.effect_id = e.effect_id AND NOT e.done
LEFT   JOIN accepted_orders AS o ON o.order_ref = e.order_ref
