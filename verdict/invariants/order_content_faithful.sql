-- claim:    OMS and ERP hold what was ordered: lines, amounts, currency, customer and address, letter for letter.
-- flow:     order-to-erp, order-to-ship
-- class:    consistency
-- severity: critical
-- step:     25
-- cause:    Amounts go through floats, names through a narrow character set, or a field is dropped in a mapping.
-- remedy:   Map fields one to one, keep amounts as decimal strings in the order's own currency, and read and write UTF-8.
WITH told AS (
    SELECT system, coalesce(document_id, effect_id) AS document_id, order_ref, effect_id, at_ns, lines, amount, currency,
           json_extract(data, ['$.customer', '$.ship_to']) AS said
    FROM   effects
    WHERE  kind IN ('oms_order_created', 'oms_order_updated', 'sales_order_received', 'sales_order_updated')
      AND  order_ref IS NOT NULL
), said_again AS ( -- few; most documents are told of once
    SELECT system, document_id FROM told GROUP BY system, document_id HAVING count(*) > 1
), documents AS ( -- as last corrected
    SELECT system, document_id, order_ref, lines, amount AS total, currency,
           nullif(said[1]::VARCHAR, 'null') AS customer, nullif(said[2]::VARCHAR, 'null') AS ship_to, [effect_id] AS effect_ids,
           at_ns, effect_id AS lines_id, effect_id AS money_id, effect_id AS customer_id, effect_id AS ship_to_id
    FROM   told ANTI JOIN said_again USING (system, document_id)
    UNION  ALL
    SELECT system, document_id, any_value(order_ref),
           arg_max(lines, (at_ns, effect_id)) FILTER (WHERE lines IS NOT NULL),
           arg_max(amount, (at_ns, effect_id)) FILTER (WHERE amount IS NOT NULL),
           arg_max(currency, (at_ns, effect_id)) FILTER (WHERE currency IS NOT NULL),
           arg_max(said[1]::VARCHAR, (at_ns, effect_id)) FILTER (WHERE said[1]::VARCHAR <> 'null'),
           arg_max(said[2]::VARCHAR, (at_ns, effect_id)) FILTER (WHERE said[2]::VARCHAR <> 'null'),
           list(effect_id ORDER BY at_ns, effect_id), min(at_ns), -- and which of its effects said each of these last
           arg_max(effect_id, (at_ns, effect_id)) FILTER (WHERE lines IS NOT NULL),
           arg_max(effect_id, (at_ns, effect_id)) FILTER (WHERE amount IS NOT NULL OR currency IS NOT NULL),
           arg_max(effect_id, (at_ns, effect_id)) FILTER (WHERE said[1]::VARCHAR <> 'null'),
           arg_max(effect_id, (at_ns, effect_id)) FILTER (WHERE said[2]::VARCHAR <> 'null')
    FROM   told SEMI JOIN said_again USING (system, document_id)
    GROUP  BY system, document_id
), compared AS ( -- what is the same to the letter need not be taken apart
    SELECT o.order_ref, o.effect_id, d.system, d.document_id, d.effect_ids, d.at_ns,
           d.lines_id, d.money_id, d.customer_id, d.ship_to_id,
           CASE WHEN d.currency IS DISTINCT FROM o.currency
                THEN format('currency {} became {}', o.currency, coalesce(d.currency, 'nothing')) END      AS currency,
           CASE WHEN d.total IS DISTINCT FROM o.total
                THEN format('total {} became {}', money(o.total, o.currency), coalesce(money(d.total, d.currency), 'nothing')) END      AS total,
           CASE WHEN d.lines = o.lines THEN NULL
                WHEN list_sort([[x.line_id, x.sku, x.quantity::VARCHAR, TRY_CAST(x.unit_price AS DECIMAL(18, 4))::VARCHAR] FOR x IN d.lines])
                  IS DISTINCT FROM
                     list_sort([[x.line_id, x.sku, x.quantity::VARCHAR, TRY_CAST(x.unit_price AS DECIMAL(18, 4))::VARCHAR] FOR x IN o.lines])
                THEN format('lines {} became {}',
                            array_to_string([concat_ws(' ', x.line_id, x.sku, '×', x.quantity, x.unit_price) FOR x IN o.lines], '; '),
                            coalesce(array_to_string([concat_ws(' ', x.line_id, x.sku, '×', x.quantity, x.unit_price) FOR x IN d.lines], '; '), 'nothing')) END AS lines,
           CASE WHEN d.customer = o.customer::VARCHAR THEN NULL
                WHEN [d.customer ->> f FOR f IN ['$.name', '$.email']]
                  IS DISTINCT FROM [o.customer ->> f FOR f IN ['$.name', '$.email']]
                THEN format('customer {} became {}', o.customer, coalesce(d.customer::VARCHAR, 'nothing')) END     AS customer,
           CASE WHEN d.ship_to = o.ship_to::VARCHAR THEN NULL
                WHEN [d.ship_to ->> f FOR f IN ['$.name', '$.line1', '$.line2', '$.city', '$.postcode', '$.country']]
                  IS DISTINCT FROM [o.ship_to ->> f FOR f IN ['$.name', '$.line1', '$.line2', '$.city', '$.postcode', '$.country']]
                THEN format('address {} became {}', o.ship_to, coalesce(d.ship_to::VARCHAR, 'nothing')) END       AS address
    FROM   accepted_orders AS o
    JOIN   documents AS d ON d.order_ref = o.order_ref
), said AS (
    SELECT *, concat_ws('; ', currency, total, lines, customer, address) AS difference,
           coalesce(CASE WHEN lines IS NOT NULL THEN lines_id WHEN currency IS NOT NULL OR total IS NOT NULL THEN money_id
                         WHEN customer IS NOT NULL THEN customer_id ELSE ship_to_id END, effect_ids[1]) AS wrong_id
    FROM   compared
)
SELECT order_ref                                                                          AS subject,
       bool_and(difference = '')                                                          AS holds,
       coalesce(string_agg(format('{} {}: {}', system, document_id, difference), ' | ') FILTER (WHERE difference <> ''),
                'as ordered')                                                             AS finding,
       list_concat([effect_id], flatten(list(effect_ids)))                                AS evidence,
       arg_min(wrong_id, (at_ns, wrong_id)) FILTER (WHERE difference <> '')               AS guilty
FROM   said
GROUP  BY order_ref, effect_id
