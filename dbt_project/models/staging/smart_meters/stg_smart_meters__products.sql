{{ typed(source('smart_meters', 'products')) }}
