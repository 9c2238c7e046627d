{{ typed(source('landing', 'pseudonyms'), every_load=true) }}
