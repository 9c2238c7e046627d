{{ typed(source('smart_meters', 'meterpoints')) }}
