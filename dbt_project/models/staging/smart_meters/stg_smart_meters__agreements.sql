{{ typed(source('smart_meters', 'agreements')) }}
