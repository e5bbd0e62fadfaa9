-- claim:    Every accepted order is posted in the ERP, refused there for good, cancelled or parked.
-- flow:     order-to-erp, order-to-ship
-- class:    consistency
-- severity: critical
-- step:     15
-- cause:    An order is dropped after some failed attempts, on a 5xx that was taken for good, or with the memory of a restarted process.
-- remedy:   Store the order before acknowledging its event, retry until the ERP has posted it, and park what it refuses for good.
WITH erp AS (
    SELECT order_ref,
           bool_or(kind = 'sales_order_posted')                                   AS posted,
           bool_or(kind = 'sales_order_rejected' AND coalesce(permanent, false))  AS refused,
           bool_or(kind = 'sales_order_received')                                 AS received,
           arg_max(cause, at_ns) FILTER (WHERE kind = 'sales_order_rejected')     AS reason,
           list(effect_id ORDER BY at_ns, effect_id)                              AS effect_ids
    FROM   effects
    WHERE  kind IN ('sales_order_received', 'sales_order_posted', 'sales_order_rejected')
    GROUP  BY order_ref
), missing AS ( -- few
    SELECT o.order_ref FROM accepted_orders AS o LEFT JOIN erp AS e ON e.order_ref = o.order_ref
    WHERE  NOT (coalesce(e.posted OR e.refused, false) OR o.cancelled OR o.parked)
), heard AS ( -- what the middleware was told of them
    SELECT order_ref, arg_min(delivery_id, at_ns) FILTER (WHERE acknowledged) AS acknowledged_id, max(attempt) AS attempts,
           arg_max(coalesce(status::VARCHAR, error, 'no reply'), at_ns) AS answer, list(delivery_id ORDER BY at_ns)[:3] AS delivery_ids
    FROM   deliveries SEMI JOIN missing USING (order_ref)
    WHERE  topic = 'order.placed' AND forgery IS NULL
    GROUP  BY order_ref
), asked AS ( -- and what it asked for
    SELECT order_ref, count(*) FILTER (WHERE changes) AS changes, count(*) FILTER (WHERE operation = 'create_sales_order') AS bookings,
           arg_max(coalesce(status::VARCHAR, 'no reply'), at_ns) FILTER (WHERE operation = 'create_sales_order') AS answer,
           list(call_id ORDER BY at_ns) FILTER (WHERE operation = 'create_sales_order') AS call_ids
    FROM   sut_calls SEMI JOIN missing USING (order_ref)
    GROUP  BY order_ref
)
SELECT o.order_ref                                                                             AS subject,
       due(coalesce(e.posted OR e.refused, false) OR o.cancelled OR o.parked OR o.undecided, o.owed)          AS holds,
       CASE WHEN e.posted              THEN 'posted'
            WHEN o.cancelled           THEN 'cancelled'
            WHEN o.parked              THEN 'parked'
            WHEN o.undecided           THEN 'waits for the answer to a wish to cancel'
            WHEN e.refused             THEN format('refused for good: {}', coalesce(e.reason, 'no reason given'))
            WHEN e.reason IS NOT NULL  THEN format('rejected ({}) and never resubmitted', e.reason)
            WHEN e.received            THEN 'booked, but never posted'
            ELSE format('accepted by {}, never seen in the ERP: {}', o.channel,
                 CASE WHEN a.bookings > 0
                      THEN format('create_sales_order was {}, at last answered {}, and never succeeded',
                                  times('called', a.bookings), a.answer)
                      WHEN h.acknowledged_id IS NOT NULL AND coalesce(a.changes, 0) = 0
                      THEN 'its event was acknowledged, and no call about it followed'
                      WHEN h.acknowledged_id IS NOT NULL THEN 'its event was acknowledged, and create_sales_order was never called'
                      WHEN h.attempts IS NOT NULL THEN format('its event was {} and never acknowledged ({})', times('sent', h.attempts), h.answer)
                      ELSE 'no event told of it, and it was not found by polling' END) END     AS finding,
       list_concat([o.effect_id], e.effect_ids, [h.acknowledged_id], h.delivery_ids, a.call_ids) AS evidence,
       CASE WHEN e.reason IS NOT NULL
            THEN 'Correct what the ERP rejected and resubmit it, or park the order with the reason.'
            WHEN a.bookings > 0
            THEN 'Retry a booking that failed until the ERP has the order, and park what it refuses for good.'
            WHEN h.order_ref IS NULL OR e.received THEN NULL
            WHEN h.acknowledged_id IS NULL
            THEN 'Answer webhooks with 2xx as soon as the event is stored, and poll the channel for orders whose event never came.'
            END                                                                                AS remedy,
       NULL                                                                                    AS guilty
FROM   accepted_orders AS o
LEFT   JOIN erp AS e ON e.order_ref = o.order_ref
LEFT   JOIN heard AS h ON h.order_ref = o.order_ref
LEFT   JOIN asked AS a ON a.order_ref = o.order_ref
