-- claim:    Every price reaches every channel as it was set, and never before the day it holds from.
-- flow:     price-publish
-- class:    timeliness
-- severity: major
-- step:     95
-- cause:    A price is published when it is set and not when it holds, or a refused batch is not split and repeated.
-- remedy:   Hold a price back until its valid_from, then publish its exact amount, currency and version to every channel.
WITH clock AS (
    SELECT max(at_ns) AS end_ns FROM effects
), prices AS (
    SELECT sku, currency, version, amount, effect_id, epoch_ns((data ->> '$.valid_from')::TIMESTAMPTZ) AS valid_ns, at_ns
    FROM   effects WHERE kind = 'price_set' AND actor IS DISTINCT FROM 'before-run'
), latest AS (
    SELECT sku, currency, max(version) AS version, arg_max(effect_id, version) AS effect_id
    FROM   prices WHERE coalesce(valid_ns, at_ns) <= (SELECT end_ns FROM clock)
    GROUP  BY sku, currency
), wrong AS (
    SELECT p.sku, p.currency,
           string_agg(format('{} lists version {} as {}, set as {}', l.system, l.version, money(l.amount, l.currency),
                             money(p.amount, p.currency)), ', ') FILTER (WHERE l.amount <> p.amount) AS other,
           string_agg(format('{} listed version {} {} early', l.system, l.version, span(p.valid_ns - l.at_ns)), ', ')
             FILTER (WHERE l.at_ns < p.valid_ns - 50000000) AS early,
           arg_min(l.effect_id, l.at_ns) FILTER (WHERE l.amount <> p.amount OR l.at_ns < p.valid_ns - 50000000) AS guilty,
           list(l.effect_id) AS effect_ids
    FROM   prices AS p
    JOIN   effects AS l ON l.kind = 'price_listed' AND l.sku = p.sku AND l.currency = p.currency AND l.version = p.version
    GROUP  BY p.sku, p.currency
), converted AS ( -- listed under a currency in which the ERP never set a price of this article, while its own is missing
    SELECT t.sku, t.currency, arg_min(l.effect_id, l.at_ns) AS guilty,
           string_agg(format('{} lists version {} in {}, set in {}', l.system, l.version, l.currency, t.currency), ', ' ORDER BY l.at_ns) AS words
    FROM   prices AS t
    JOIN   effects AS l ON l.kind = 'price_listed' AND l.sku = t.sku AND l.version = t.version AND l.amount = t.amount
                       AND l.currency <> t.currency AND l.actor IS NULL
    ANTI   JOIN prices AS s ON s.sku = l.sku AND s.currency = l.currency AND s.version = l.version
    GROUP  BY t.sku, t.currency
), missing AS (
    SELECT t.sku, t.currency, string_agg(h.channel, ', ' ORDER BY h.channel) AS channels
    FROM   latest AS t
    CROSS  JOIN channels AS h -- a handful of channels
    LEFT   JOIN (SELECT system, sku, currency, max(version) AS version FROM effects
                 WHERE kind = 'price_listed' GROUP BY ALL) AS l
           ON l.system = h.channel AND l.sku = t.sku AND l.currency = t.currency
    WHERE  coalesce(l.version < t.version, true)
    GROUP  BY t.sku, t.currency
)
SELECT p.sku || ' ' || p.currency                                                         AS subject,
       CASE WHEN w.other IS NOT NULL OR w.early IS NOT NULL THEN false
            ELSE due(m.channels IS NULL, a.sku IS NOT NULL) END                           AS holds,
       coalesce(nullif(concat_ws('; ', w.other, w.early, c.words, 'never reached ' || m.channels), ''), 'published') AS finding,
       list_concat([p.effect_id], [w.guilty, c.guilty], w.effect_ids)                     AS evidence,
       coalesce(w.guilty, CASE WHEN m.channels IS NOT NULL THEN c.guilty END)             AS guilty,
       CASE WHEN w.early IS NOT NULL AND w.other IS NULL
            THEN 'Read valid_from with its time zone and publish no sooner.'
            WHEN w.other IS NOT NULL THEN 'Publish each price with its exact amount and the version that it came with.'
            WHEN c.words IS NOT NULL THEN 'Publish each price in its own currency.' END   AS remedy
FROM  (SELECT sku, currency, min(effect_id) AS effect_id FROM prices GROUP BY ALL) AS p
LEFT   JOIN wrong AS w ON w.sku = p.sku AND w.currency = p.currency
LEFT   JOIN converted AS c ON c.sku = p.sku AND c.currency = p.currency
LEFT   JOIN owed_articles AS a ON a.sku = p.sku
LEFT   JOIN missing AS m ON m.sku = p.sku AND m.currency = p.currency
