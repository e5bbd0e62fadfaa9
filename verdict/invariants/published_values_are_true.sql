-- claim:    Each stock level and availability is passed on as its source stated it for that version.
-- flow:     stock-sync
-- class:    consistency
-- severity: critical
-- step:     89
-- leads_to: acts, omissions
-- cause:    A change is added to a number that was read before, or the number of one event is sent with the version of another.
-- remedy:   Pass on the absolute quantity together with the version that it came with; never add a difference to what was last seen.
-- Values that a source never stated under that version (forged, or of before the run) are not examined.
WITH stated AS (
    SELECT 'availability_listed' AS kind, sku, NULL AS location, version, any_value(on_hand) AS units, any_value(effect_id) AS effect_id
    FROM   effects WHERE kind = 'availability_computed' AND version IS NOT NULL GROUP BY sku, version
    UNION  ALL
    SELECT 'stock_set', sku, location, version, any_value(on_hand), any_value(effect_id)
    FROM   effects WHERE kind = 'stock_moved' AND version IS NOT NULL GROUP BY sku, location, version
), passed_on AS (
    SELECT e.kind, e.system, e.sku, CASE WHEN e.kind = 'stock_set' THEN e.location END AS location, e.version, e.on_hand, e.at_ns, e.effect_id
    FROM   effects AS e
    WHERE  e.kind IN ('availability_listed', 'stock_set') AND e.version IS NOT NULL AND e.actor IS NULL
), compared AS (
    SELECT p.*, s.units, s.effect_id AS stated_id, p.on_hand IS DISTINCT FROM s.units AS wrong
    FROM   passed_on AS p
    JOIN   stated AS s ON s.kind = p.kind AND s.sku = p.sku AND s.version = p.version AND s.location IS NOT DISTINCT FROM p.location
)
SELECT concat_ws(' ', system, sku, location)                                              AS subject,
       NOT bool_or(wrong)                                                                 AS holds,
       CASE WHEN bool_or(wrong)
            THEN format('version {} was {}, and {} was told {}{}', arg_min(version, at_ns) FILTER (WHERE wrong), arg_min(units, at_ns) FILTER (WHERE wrong),
                        system, arg_min(on_hand, at_ns) FILTER (WHERE wrong),
                        CASE WHEN count(*) FILTER (WHERE wrong) > 1 THEN format('; {} more like it', count(*) FILTER (WHERE wrong) - 1) ELSE '' END)
            ELSE format('{} values passed on as stated', count(*)) END                    AS finding,
       CASE WHEN bool_or(wrong) THEN flatten(list([stated_id, effect_id] ORDER BY at_ns) FILTER (WHERE wrong))
            ELSE [min(effect_id)] END                                                     AS evidence,
       arg_min(effect_id, at_ns) FILTER (WHERE wrong)                                     AS guilty,
       [sku, sku || ' ' || system]                                                        AS explains
FROM   compared
GROUP  BY kind, system, sku, location
