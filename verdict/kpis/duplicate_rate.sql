-- name:       duplicate_rate
-- definition: Documents too many in OMS and ERP (a second order or sales order for one reference) per accepted order.
-- unit:       ratio
-- source:     effects order_placed, oms_order_created, sales_order_received
-- better:     lower
-- measure:    share
SELECT o.channel, coalesce(d.extra, 0) AS part, 1 AS whole
FROM   accepted_orders AS o
LEFT   JOIN (SELECT order_ref, sum(times - 1) AS extra
             FROM  (SELECT order_ref, count(*) AS times FROM effects
                    WHERE kind IN ('oms_order_created', 'sales_order_received') GROUP BY order_ref, kind)
             GROUP BY order_ref) AS d ON d.order_ref = o.order_ref
WHERE  NOT o.before_run
