{{ typed(source('landing', 'landing_problems')) }}
