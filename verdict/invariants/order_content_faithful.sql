-- claim:    OMS and ERP hold what was ordered: lines, amounts, currency, customer and address, letter for letter.
-- flow:     order-to-erp, order-to-ship
-- class:    consistency
-- severity: critical
-- step:     25
-- remedy:   Map fields one to one, keep amounts as decimal strings in the order's own currency, and read and write UTF-8.
WITH documents AS ( -- as last corrected
    SELECT system, coalesce(document_id, effect_id)                                        AS document_id,
           any_value(order_ref)                                                            AS order_ref,
           arg_max(lines, (at_ns, effect_id)) FILTER (WHERE lines IS NOT NULL)             AS lines,
           arg_max(amount, (at_ns, effect_id)) FILTER (WHERE amount IS NOT NULL)           AS total,
           arg_max(currency, (at_ns, effect_id)) FILTER (WHERE currency IS NOT NULL)       AS currency,
           arg_max(data -> '$.customer', (at_ns, effect_id)) FILTER (WHERE (data ->> '$.customer') IS NOT NULL) AS customer,
           arg_max(data -> '$.ship_to', (at_ns, effect_id)) FILTER (WHERE (data ->> '$.ship_to') IS NOT NULL)   AS ship_to,
           list(effect_id ORDER BY at_ns, effect_id)                                       AS effect_ids
    FROM   effects
    WHERE  kind IN ('oms_order_created', 'oms_order_updated', 'sales_order_received', 'sales_order_updated')
      AND  order_ref IS NOT NULL
    GROUP  BY 1, 2
), compared AS ( -- what is the same to the letter need not be taken apart
    SELECT o.order_ref, o.effect_id, d.system, d.document_id, d.effect_ids,
           CASE WHEN d.currency IS DISTINCT FROM o.currency
                THEN format('currency {} became {}', o.currency, coalesce(d.currency, 'nothing')) END      AS currency,
           CASE WHEN d.total IS DISTINCT FROM o.total
                THEN format('total {} became {}', o.total, coalesce(d.total::VARCHAR, 'nothing')) END      AS total,
           CASE WHEN d.lines = o.lines THEN NULL
                WHEN list_sort([[x.line_id, x.sku, x.quantity::VARCHAR, TRY_CAST(x.unit_price AS DECIMAL(18, 4))::VARCHAR] FOR x IN d.lines])
                  IS DISTINCT FROM
                     list_sort([[x.line_id, x.sku, x.quantity::VARCHAR, TRY_CAST(x.unit_price AS DECIMAL(18, 4))::VARCHAR] FOR x IN o.lines])
                THEN format('lines {} became {}',
                            array_to_string([concat_ws(' ', x.line_id, x.sku, '×', x.quantity, x.unit_price) FOR x IN o.lines], '; '),
                            coalesce(array_to_string([concat_ws(' ', x.line_id, x.sku, '×', x.quantity, x.unit_price) FOR x IN d.lines], '; '), 'nothing')) END AS lines,
           CASE WHEN d.customer = o.customer THEN NULL
                WHEN [d.customer ->> f FOR f IN ['$.name', '$.email']]
                  IS DISTINCT FROM [o.customer ->> f FOR f IN ['$.name', '$.email']]
                THEN format('customer {} became {}', o.customer, coalesce(d.customer::VARCHAR, 'nothing')) END     AS customer,
           CASE WHEN d.ship_to = o.ship_to THEN NULL
                WHEN [d.ship_to ->> f FOR f IN ['$.name', '$.line1', '$.line2', '$.city', '$.postcode', '$.country']]
                  IS DISTINCT FROM [o.ship_to ->> f FOR f IN ['$.name', '$.line1', '$.line2', '$.city', '$.postcode', '$.country']]
                THEN format('address {} became {}', o.ship_to, coalesce(d.ship_to::VARCHAR, 'nothing')) END       AS address
    FROM   accepted_orders AS o
    JOIN   documents AS d ON d.order_ref = o.order_ref
), said AS (
    SELECT *, concat_ws('; ', currency, total, lines, customer, address) AS difference FROM compared
)
SELECT order_ref                                                                          AS subject,
       bool_and(difference = '')                                                          AS holds,
       coalesce(string_agg(format('{} {}: {}', system, document_id, difference), ' | ') FILTER (WHERE difference <> ''),
                'as ordered')                                                             AS finding,
       list_concat([effect_id], flatten(list(effect_ids)))                                AS evidence
FROM   said
GROUP  BY order_ref, effect_id
