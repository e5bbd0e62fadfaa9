-- claim:    No document's status ever goes back.
-- flow:     order-to-erp, order-to-ship, cancel, return-to-refund
-- class:    consistency
-- severity: major
-- step:     97
-- cause:    A late event is applied although a later one has been seen.
-- remedy:   Apply events in their order and drop those that are older than what is known; never repeat a step that is done.
WITH ranks (family, status, rank) AS (
    VALUES ('order', 'placed', 0), ('order', 'created', 0), ('order', 'acknowledged', 1), ('order', 'allocated', 1),
           ('order', 'unfillable', 1), ('order', 'partially_shipped', 2), ('order', 'shipped', 3),
           ('order', 'partially_refunded', 4), ('order', 'partially_returned', 4), ('order', 'refunded', 5),
           ('order', 'returned', 5), ('order', 'cancelled', 9),
           ('sales order', 'received', 0), ('sales order', 'rejected', 0), ('sales order', 'posted', 1),
           ('sales order', 'partially_invoiced', 2), ('sales order', 'invoiced', 3), ('sales order', 'cancelled', 9),
           ('fulfilment', 'requested', 0), ('fulfilment', 'picking', 1), ('fulfilment', 'partially_shipped', 2),
           ('fulfilment', 'shipped', 3), ('fulfilment', 'cancelled', 9),
           ('payment', 'authorised', 0), ('payment', 'partially_captured', 1), ('payment', 'captured', 2),
           ('payment', 'partially_refunded', 3), ('payment', 'refunded', 4), ('payment', 'voided', 9), ('payment', 'expired', 9)
), families (kind, family, by_order) AS ( -- the kinds whose status is the document's; on a channel the order is the document
    VALUES ('order_placed', 'order', true), ('order_acknowledged', 'order', true), ('shipment_recorded', 'order', true),
           ('order_cancelled', 'order', true), ('lines_cancelled', 'order', true), ('refund_confirmed', 'order', true),
           ('oms_order_created', 'order', false), ('order_allocated', 'order', false), ('order_unfillable', 'order', false),
           ('oms_order_shipped', 'order', false), ('oms_order_cancelled', 'order', false), ('oms_lines_cancelled', 'order', false),
           ('oms_return_received', 'order', false),
           ('sales_order_received', 'sales order', false), ('sales_order_posted', 'sales order', false),
           ('sales_order_rejected', 'sales order', false), ('sales_order_cancelled', 'sales order', false),
           ('sales_order_lines_cancelled', 'sales order', false),
           ('fulfilment_requested', 'fulfilment', false), ('picking_started', 'fulfilment', false),
           ('shipment_confirmed', 'fulfilment', false), ('fulfilment_cancelled', 'fulfilment', false),
           ('payment_authorised', 'payment', false), ('payment_captured', 'payment', false), ('payment_voided', 'payment', false),
           ('payment_expired', 'payment', false), ('payment_refunded', 'payment', false)
), steps AS (
    SELECT e.system, CASE WHEN f.by_order THEN e.order_ref ELSE coalesce(e.document_id, e.order_ref) END AS document,
           e.order_ref, e.effect_id, e.at_ns, e.status, r.rank
    FROM   effects AS e
    JOIN   families AS f ON f.kind = e.kind
    JOIN   ranks AS r ON r.family = f.family AND r.status = e.status
), moves AS (
    SELECT *, max(rank) OVER earlier AS reached, lag(status) OVER whole AS before, lag(effect_id) OVER whole AS before_id
    FROM   steps
    WINDOW earlier AS (PARTITION BY system, document ORDER BY at_ns, effect_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
           whole AS (PARTITION BY system, document ORDER BY at_ns, effect_id)
), judged AS ( -- nothing that has begun to ship, bill or capture can still be cancelled as a whole
    SELECT *, coalesce(rank < reached OR (rank = 9 AND status = 'cancelled' AND reached BETWEEN 2 AND 8)
                       OR (rank = 9 AND status <> 'cancelled' AND reached BETWEEN 1 AND 8), false) AS back
    FROM   moves
)
SELECT system || ' ' || document                                                          AS subject,
       NOT bool_or(back)                                                                  AS holds,
       coalesce(string_agg(format('{} after {}', status, before), ', ' ORDER BY at_ns) FILTER (WHERE back),
                format('{} steps forward', count(*)))                                     AS finding,
       coalesce(flatten(list([before_id, effect_id] ORDER BY at_ns) FILTER (WHERE back)),
                [min(effect_id)])                                                         AS evidence,
       any_value(order_ref)                                                               AS order_ref,
       arg_min(effect_id, at_ns) FILTER (WHERE back)                                      AS guilty
FROM   judged
GROUP  BY system, document
