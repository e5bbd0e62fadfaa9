-- claim:    What the middleware acknowledged it did: every accepted event has its consequence.
-- flow:     any
-- class:    consistency
-- severity: critical
-- step:     5
-- cause:    The handler answers 2xx before it has stored the event, and then crashes, is restarted or drops it from a queue in memory.
-- remedy:   Write the event to durable storage before answering 2xx, and work it off from there until it is done.
WITH about_orders (topic, flow, consequence, words) AS ( -- consequences that carry the order reference
    VALUES ('order.placed',           'order-to-erp',     'sales_order_received', 'no sales order'),
           ('order.placed',           'order-to-ship',    'sales_order_received', 'no sales order'),
           ('order.placed',           'order-to-ship',    'oms_order_created',    'no OMS order'),
           ('order.unfillable',       'order-to-ship',    'order_cancelled',      'not cancelled at its channel')
), about_refs (topic, flow, consequence, words) AS ( -- consequences that also carry the shipment, request or return
    VALUES ('shipment.confirmed',     'order-to-ship',    'payment_captured',     'nothing captured'),
           ('shipment.confirmed',     'order-to-ship',    'invoice_received',     'no invoice'),
           ('shipment.confirmed',     'order-to-ship',    'oms_order_shipped',    'OMS not told'),
           ('shipment.confirmed',     'order-to-ship',    'shipment_recorded',    'channel not told'),
           ('return.requested',       'return-to-refund', 'return_expected',      'warehouse not told'),
           ('return.received',        'return-to-refund', 'credit_memo_received', 'no credit memo'),
           ('credit_memo.posted',     'return-to-refund', 'payment_refunded',     'no refund')
), told AS ( -- events that nothing follows from are left out, and nothing has to follow from a forgery
    SELECT event_id, arg_min(delivery_id, at_ns) AS delivery_id, arg_min(effect_id, at_ns) AS effect_id,
           any_value(topic) AS topic, any_value(order_ref) AS order_ref, any_value(sku) AS sku, any_value(version) AS version
    FROM   deliveries
    WHERE  acknowledged AND forgery IS NULL
      AND  topic IN (SELECT topic FROM about_orders UNION SELECT topic FROM about_refs
                     UNION VALUES ('cancellation.requested'), ('stock.changed'), ('availability.changed'), ('price.changed'))
    GROUP  BY event_id
), events AS ( -- numbered, for numbers are quicker to match than ids
    SELECT row_number() OVER () AS event, t.*, e.ref, e.location, e.cause, coalesce(e.amount, 1) AS amount,
           coalesce(len(e.lines), 0) > 0 AS has_lines
    FROM   told AS t LEFT JOIN effects AS e ON e.effect_id = t.effect_id
), done_orders AS (
    SELECT DISTINCT kind, order_ref FROM effects WHERE kind IN (SELECT consequence FROM about_orders)
), done_refs AS (
    SELECT DISTINCT kind, ref FROM effects WHERE kind IN (SELECT consequence FROM about_refs) AND ref IS NOT NULL
), free_shipments AS ( -- goods that cost nothing: there is nothing to capture
    SELECT effect_id FROM shipped_lines GROUP BY effect_id HAVING sum(quantity * unit_price) = 0
), decided AS (
    SELECT DISTINCT ref FROM effects
    WHERE  kind IN ('cancellation_accepted', 'cancellation_declined', 'cancellation_closed')
), short_cancelled AS (
    SELECT DISTINCT order_ref FROM effects WHERE kind IN ('lines_cancelled', 'order_cancelled')
), stock_told AS (
    SELECT sku, location, max(version) AS version FROM effects WHERE kind = 'stock_set' GROUP BY sku, location
), adjusted AS (
    SELECT DISTINCT ref FROM effects WHERE kind = 'stock_adjusted'
), listed AS (
    SELECT system, kind, sku, max(version) AS version FROM effects
    WHERE  kind IN ('availability_listed', 'price_listed') GROUP BY ALL
), prices_due AS ( -- a price whose day has not come by the end of the run is not due
    SELECT effect_id, currency FROM effects
    WHERE  kind = 'price_set'
      AND  coalesce(epoch_ns((data ->> '$.valid_from')::TIMESTAMPTZ), at_ns) <= (SELECT max(at_ns) FROM effects)
), prices_told AS (
    SELECT system, sku, currency, max(version) AS version FROM effects WHERE kind = 'price_listed' GROUP BY ALL
), checks AS (
    SELECT e.event, d.kind IS NOT NULL AS done, a.words
    FROM   events AS e
    JOIN   about_orders AS a ON a.topic = e.topic
    SEMI   JOIN judged_flows AS f ON f.flow = a.flow
    LEFT   JOIN done_orders AS d ON d.kind = a.consequence AND d.order_ref = e.order_ref
    UNION  ALL
    SELECT e.event, d.kind IS NOT NULL, a.words
    FROM   events AS e
    JOIN   about_refs AS a ON a.topic = e.topic
    SEMI   JOIN judged_flows AS f ON f.flow = a.flow
    LEFT   JOIN done_refs AS d ON d.kind = a.consequence AND d.ref = e.ref
    WHERE  (e.has_lines OR e.topic NOT IN ('shipment.confirmed', 'return.received'))
      AND  NOT (a.consequence = 'payment_captured' AND e.effect_id IN (SELECT effect_id FROM free_shipments))
      AND  NOT (a.consequence = 'payment_refunded' AND e.amount = 0)
    UNION  ALL
    SELECT e.event, s.order_ref IS NOT NULL, 'short lines not cancelled at the channel'
    FROM   events AS e LEFT JOIN short_cancelled AS s ON s.order_ref = e.order_ref
    WHERE  e.topic = 'shipment.confirmed' AND NOT e.has_lines AND judged('order-to-ship')
    UNION  ALL
    SELECT e.event, d.ref IS NOT NULL, 'neither accepted nor declined'
    FROM   events AS e LEFT JOIN decided AS d ON d.ref = e.ref
    WHERE  e.topic = 'cancellation.requested' AND judged('cancel')
    UNION  ALL
    SELECT e.event, coalesce(s.version >= e.version, false), 'OMS not told'
    FROM   events AS e LEFT JOIN stock_told AS s ON s.sku = e.sku AND s.location = e.location
    WHERE  e.topic = 'stock.changed' AND judged('stock-sync')
    UNION  ALL
    SELECT e.event, a.ref IS NOT NULL, 'no stock adjustment in the ERP'
    FROM   events AS e SEMI JOIN erp_items AS i ON i.sku = e.sku LEFT JOIN adjusted AS a ON a.ref = e.ref
    WHERE  e.topic = 'stock.changed' AND e.cause IN ('receipt', 'count', 'damage') AND judged('stock-sync')
    UNION  ALL
    SELECT e.event, coalesce(l.version >= e.version, false), format('not listed on {}', c.channel)
    FROM   events AS e
    CROSS  JOIN channels AS c -- a handful of channels
    LEFT   JOIN listed AS l ON l.kind = 'availability_listed' AND l.system = c.channel AND l.sku = e.sku
    WHERE  e.topic = 'availability.changed' AND judged('stock-sync')
    UNION  ALL
    SELECT e.event, coalesce(l.version >= e.version, false), format('price not listed on {}', c.channel)
    FROM   events AS e
    JOIN   prices_due AS p ON p.effect_id = e.effect_id
    CROSS  JOIN channels AS c -- a handful of channels
    LEFT   JOIN prices_told AS l ON l.system = c.channel AND l.sku = e.sku AND l.currency = p.currency
    WHERE  e.topic = 'price.changed' AND judged('price-publish')
), results AS (
    SELECT event, bool_and(done) AS done FROM checks GROUP BY event
), omissions AS (
    SELECT event, string_agg(DISTINCT words, ', ') AS missing FROM checks WHERE NOT done GROUP BY event
)
SELECT e.event_id                                                                         AS subject,
       eventually(r.done OR coalesce(o.parked OR o.cancelled, false))                     AS holds,
       format('{} about {} was acknowledged: {}', e.topic, coalesce(e.order_ref, e.sku, '–'),
              CASE WHEN r.done THEN 'done' WHEN o.parked THEN 'parked' WHEN o.cancelled THEN 'order cancelled'
                   ELSE m.missing END)                                                    AS finding,
       [e.delivery_id, e.effect_id]                                                       AS evidence,
       e.order_ref
FROM   results AS r
JOIN   events AS e ON e.event = r.event
LEFT   JOIN omissions AS m ON m.event = r.event
LEFT   JOIN accepted_orders AS o ON o.order_ref = e.order_ref
