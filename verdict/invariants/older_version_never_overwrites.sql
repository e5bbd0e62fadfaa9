-- claim:    Stock, availability and prices only move forward: an older version never overwrites a newer one.
-- flow:     stock-sync, price-publish
-- class:    consistency
-- severity: critical
-- step:     92
-- leads_to: acts, omissions
-- cause:    Events or batches that were overtaken are applied in the order of arrival, without a look at their version.
-- remedy:   Keep the last version sent per SKU and target, drop what is older, and send one update per SKU at a time.
WITH told AS (
    SELECT system, kind, sku, CASE kind WHEN 'stock_set' THEN location WHEN 'price_listed' THEN currency END AS part,
           effect_id, at_ns, version,
           max(version) OVER (PARTITION BY system, kind, sku, part ORDER BY at_ns, effect_id
                              ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS newest,
           lag(effect_id) OVER (PARTITION BY system, kind, sku, part ORDER BY at_ns, effect_id) AS previous_id
    FROM   effects
    WHERE  kind IN ('stock_set', 'availability_listed', 'price_listed') AND version IS NOT NULL
)
SELECT concat_ws(' ', system, sku, part)                                                  AS subject,
       bool_and(coalesce(version >= newest, true))                                        AS holds,
       coalesce(string_agg(format('version {} after {}', version, newest), ', ' ORDER BY at_ns) FILTER (WHERE version < newest),
                format('{} updates in order', count(*)))                                  AS finding,
       coalesce(flatten(list([previous_id, effect_id] ORDER BY at_ns) FILTER (WHERE version < newest)),
                [min(effect_id)])                                                         AS evidence,
       arg_min(effect_id, at_ns) FILTER (WHERE version < newest)                          AS guilty,
       [sku, sku || ' ' || system, concat_ws(' ', sku, part)]                             AS explains
FROM   told
GROUP  BY system, kind, sku, part
