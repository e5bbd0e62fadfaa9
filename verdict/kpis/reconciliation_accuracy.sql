-- name:       reconciliation_accuracy
-- definition: Share of records on which all systems agree at the end: the money of each order, the status of each order, the stock of each SKU.
-- unit:       ratio
-- source:     the invariants money_balances, statuses_agree_after_settling, stock_agrees_after_settling
-- better:     higher
-- measure:    share
-- by:         record
SELECT NULL::VARCHAR AS channel,
       CASE id WHEN 'money_balances' THEN 'money' WHEN 'stock_agrees_after_settling' THEN 'stock' ELSE 'status' END AS record,
       examined - violated - indeterminate AS part, examined AS whole
FROM   asked_invariants
WHERE  id IN ('money_balances', 'statuses_agree_after_settling', 'stock_agrees_after_settling') AND examined > 0
