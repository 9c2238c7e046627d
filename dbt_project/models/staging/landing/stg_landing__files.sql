{{ typed(source('landing', 'landed_files')) }}
