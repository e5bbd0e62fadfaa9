-- claim:    A list that goes on after its first page is read to its end.
-- flow:     any
-- class:    consistency
-- severity: major
-- step:     6
-- leads_to: omissions
-- cause:    next_cursor is ignored, so that only the oldest changes of each look are ever seen.
-- remedy:   Ask for the next page with next_cursor until it is null, and only then move the mark from which the next look begins.
-- Judged per list: where not one of the pages that named a next one was followed, and no later look came without a next page.
WITH pages AS MATERIALIZED (
    SELECT call_id, system, client, operation, at_ns, replied_ns, cursor, response_body
    FROM   sut_calls WHERE NOT changes AND status = 200 AND response_body IS NOT NULL AND operation LIKE 'list%'
), named AS MATERIALIZED ( -- the few bodies that name a next page; of any other nothing is read
    SELECT hash, any_value(json_extract_string(TRY_CAST(text AS JSON), '$.next_cursor')) AS next_cursor
    FROM   bodies SEMI JOIN (SELECT DISTINCT response_body FROM pages) AS p ON p.response_body = hash
    WHERE  contains(text, '"next_cursor":"') GROUP BY hash
), unfollowed AS (
    SELECT p.system, p.client, p.operation, count(*) AS pages, count(f.cursor) AS followed, arg_min(p.call_id, p.at_ns) AS call_id, max(p.at_ns) AS last_ns,
           list(p.call_id ORDER BY p.at_ns)[:10] AS call_ids
    FROM   pages AS p
    JOIN   named AS n ON n.hash = p.response_body AND n.next_cursor IS NOT NULL
    LEFT   JOIN (SELECT DISTINCT system, client, operation, cursor FROM pages WHERE cursor IS NOT NULL) AS f
           ON f.system = p.system AND f.client IS NOT DISTINCT FROM p.client AND f.operation = p.operation AND f.cursor = n.next_cursor
    GROUP  BY p.system, p.client, p.operation
), whole_later AS ( -- the list was read to its end after all
    SELECT DISTINCT u.system, u.client, u.operation
    FROM   unfollowed AS u
    JOIN   pages AS p ON p.system = u.system AND p.client IS NOT DISTINCT FROM u.client AND p.operation = u.operation AND p.at_ns > u.last_ns
    ANTI   JOIN named AS n ON n.hash = p.response_body
), missed AS ( -- what events that no delivery brought are about: polling alone could have found them
    SELECT list(DISTINCT subject) AS subjects
    FROM  (SELECT unnest([e.order_ref, e.sku, e.ref, e.sku || ' ' || e.currency]) AS subject
           FROM   effects AS e
           ANTI   JOIN (SELECT effect_id FROM deliveries WHERE acknowledged AND forgery IS NULL) AS d ON d.effect_id = e.effect_id
           WHERE  e.actor IS DISTINCT FROM 'before-run'
             AND  e.kind IN ('order_placed', 'shipment_confirmed', 'return_requested', 'return_received', 'credit_memo_posted', 'cancellation_requested',
                             'stock_moved', 'availability_computed', 'price_set'))
    WHERE  subject IS NOT NULL
)
SELECT concat_ws(' ', u.system, u.operation)                                              AS subject,
       CASE WHEN u.followed > 0 OR w.system IS NOT NULL THEN true ELSE (SELECT CASE WHEN settled THEN false END FROM run) END AS holds,
       format('{} pages of {} at {} named a next page, and {} of those were read', u.pages, u.operation, u.system, u.followed) AS finding,
       u.call_ids                                                                         AS evidence,
       u.call_id                                                                          AS guilty,
       (SELECT subjects FROM missed)                                                    AS explains
FROM   unfollowed AS u
LEFT   JOIN whole_later AS w ON w.system = u.system AND w.client IS NOT DISTINCT FROM u.client AND w.operation = u.operation
