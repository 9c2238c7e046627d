{{ typed(source('landing', 'landing_runs')) }}
