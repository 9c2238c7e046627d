{{ typed(source('winnipeg_billing', 'utility_billing_deletions')) }}
